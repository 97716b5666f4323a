"""What differs between operating systems: one seam (`seam.py`), chosen once (`choice.py`)."""
