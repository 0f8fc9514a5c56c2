"""All mutants, in the order in which an entry meets their places."""

from bench.mutants import shipping, storing, writing

MUTANTS = (*writing.MUTANTS, *shipping.MUTANTS, *storing.MUTANTS)
