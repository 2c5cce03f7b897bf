"""Real data: the small set shipped with the package, and tables that a user brings.

Fisher's iris is the data of the demo. ``read_table`` reads numeric columns from delimited text, NPY
and NPZ files and says where a file goes wrong; ``standardise`` brings columns of different units to
one scale, which isotropic noise presumes.
"""

from ridgeflow.datasets.iris import Dataset, load_iris
from ridgeflow.datasets.scaling import standardise
from ridgeflow.datasets.tables import Table, read_table

__all__ = ["Dataset", "Table", "load_iris", "read_table", "standardise"]
