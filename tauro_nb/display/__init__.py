"""How objects look: data, then SVG and HTML, then widgets."""
