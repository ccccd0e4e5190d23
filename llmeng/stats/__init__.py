"Numbers with their intervals, and whether a difference was shown."

from .agreement import kappa, krippendorff
from .difference import Difference, Paired, Permutation, holm, mcnemar, paired, permutation
from .estimate import Estimate, wilson
from .plan import samples_needed, smallest_difference
from .ratings import Ratings, bradley_terry
from .resample import bootstrap, mean, resample_means
