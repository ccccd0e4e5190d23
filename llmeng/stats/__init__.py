"Numbers with their intervals, and whether a difference was shown."

from .agreement import kappa, krippendorff
from .difference import Difference, Paired, Permutation, holm, mcnemar, paired, permutation
from .estimate import Estimate, wilson
from .plan import samples_needed, smallest_difference
from .ratings import Ratings, bradley_terry
from .resample import bootstrap, mean, resample_means
from .sequential import Looks, Sequential, plan_looks, sequential

__all__ = [
    "bootstrap",
    "bradley_terry",
    "Difference",
    "Estimate",
    "holm",
    "kappa",
    "krippendorff",
    "Looks",
    "mcnemar",
    "mean",
    "Paired",
    "paired",
    "Permutation",
    "permutation",
    "plan_looks",
    "Ratings",
    "resample_means",
    "samples_needed",
    "Sequential",
    "sequential",
    "smallest_difference",
    "wilson",
]
