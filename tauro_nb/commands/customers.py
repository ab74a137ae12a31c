"""The demo's data: telecom customers with the tutorial's columns, generated, the same on each machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def generate(count: int = 5_000, seed: int = 7) -> pd.DataFrame:
    """Return customers of whom about a fifth have left.

    Who leaves is drawn with a probability that rises with complaints, price and a short contract, and falls with age
    and time: a random forest reaches an accuracy near 0.9, and none reaches 1.

    Returns
    -------
    DataFrame of shape (count, 9)
        ``churn`` (bool), ``age`` and ``account_length`` (years and months, int64), ``monthly_charges`` and
        ``data_usage_gb`` (float64), ``customer_service_calls`` and ``contract_months`` (int64), ``international_plan``
        and ``paperless_billing`` (bool).
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    age = rng.integers(18, 85, count)
    account_length = rng.gamma(2.2, 16, count).astype("int64") + 1
    contract_months = rng.choice([1, 12, 24], count, p=[0.5, 0.3, 0.2])
    international_plan = rng.random(count) < 0.15
    data_usage_gb = rng.gamma(2.0, 6.0, count).round(1)
    monthly_charges = (18 + 1.1 * data_usage_gb + 14 * international_plan + rng.normal(0, 5, count)).clip(9).round(2)
    calls = rng.poisson(1.4, count)
    pull = (
        2.2 * (calls - 3)
        + 0.11 * (monthly_charges - 40)
        + 3.0 * (contract_months == 1)
        - 0.05 * (age - 50)
        - 0.05 * (account_length - 30)
    )
    churn = rng.random(count) < 1 / (1 + np.exp(-1.6 * pull))
    return pd.DataFrame(
        {
            "churn": churn,
            "age": age,
            "account_length": account_length,
            "monthly_charges": monthly_charges,
            "data_usage_gb": data_usage_gb,
            "customer_service_calls": calls,
            "contract_months": contract_months,
            "international_plan": international_plan,
            "paperless_billing": rng.random(count) < 0.6,
        }
    )
