import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.metrics import accuracy_score, f1_score, confusion_matrix

from tauro.mlops import ExperimentTracker, ModelRegistry

def train_and_register(
    training_data: pd.DataFrame,
    tracker: ExperimentTracker,
    registry: ModelRegistry,
):
    """
    Train a customer churn prediction model.
    
    Tauro automatically injects the 'tracker' and 'registry' objects
    when they are type-hinted in the function signature.
    
    Parameters:
        training_data: DataFrame with training features and target
        tracker: ExperimentTracker for logging runs
        registry: ModelRegistry for registering models
    """
    
    print("Starting customer churn model training...")

    # 1. Prepare data
    X = training_data.drop('churn', axis=1)
    y = training_data['churn']
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=42
    )
    print(f"Training set: {len(X_train)} samples | Test set: {len(X_test)} samples")

    # 2. Start an experiment run
    # Everything logged inside this context is grouped together
    with tracker.start_run(run_name="random_forest_baseline") as run:
        
        # 3. Log hyperparameters
        params = {
            "model": "RandomForestClassifier",
            "n_estimators": 150,
            "max_depth": 12,
            "min_samples_leaf": 4,
            "random_state": 42
        }
        run.log_params(params)
        print(f"✓ Logged parameters: {params}")

        # 4. Train the model
        model = RandomForestClassifier(**{k: v for k, v in params.items() if k != 'model'})
        model.fit(X_train, y_train)
        print("✓ Model training complete")
        
        # 5. Evaluate on test set
        y_pred = model.predict(X_test)
        accuracy = accuracy_score(y_test, y_pred)
        f1 = f1_score(y_test, y_pred, average='weighted')
        tn, fp, fn, tp = confusion_matrix(y_test, y_pred).ravel()
        
        # 6. Log evaluation metrics
        metrics = {
            "accuracy": accuracy,
            "f1_score": f1,
            "true_positives": int(tp),
            "false_positives": int(fp),
            "true_negatives": int(tn),
            "false_negatives": int(fn),
        }
        run.log_metrics(metrics)
        print(f"✓ Logged metrics: accuracy={accuracy:.3f}, f1={f1:.3f}")
        
        # 7. Log model artifact
        model_path = "./models/churn_model.pkl"
        run.log_model(model, artifact_path=model_path)
        print(f"✓ Logged model artifact to {model_path}")

        # 8. Register model if it meets quality threshold
        if accuracy > 0.85:
            print(f"✓ Accuracy ({accuracy:.3f}) exceeds threshold (0.85)")
            model_info = registry.register_model(
                model=model,
                model_name="churn-predictor",
                description="RandomForest classifier for customer churn prediction",
                metrics=metrics,
                tags={
                    "project": "customer_churn",
                    "framework": "sklearn",
                    "stage": "production-candidate"
                }
            )
            print(f"✅ Model registered: {model_info.name} v{model_info.version}")
        else:
            print(f"⚠ Accuracy ({accuracy:.3f}) below threshold (0.85) - model not registered")
            return {"status": "trained_but_not_registered", "accuracy": accuracy}
    
    return {"status": "success", "accuracy": accuracy, "f1": f1}
