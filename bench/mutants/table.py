"""All mutants, in the order in which an entry meets their places."""

from bench.mutants import (
    agents,
    capture,
    claim,
    coordination,
    leases,
    over,
    reading,
    recovery,
    shipping,
    storing,
    tasks,
    transcript,
    values,
    writing,
)

MUTANTS = (
    *writing.MUTANTS,
    *reading.MUTANTS,
    *shipping.MUTANTS,
    *storing.MUTANTS,
    *transcript.MUTANTS,
    *capture.MUTANTS,
    *claim.MUTANTS,
    *agents.MUTANTS,
    *values.MUTANTS,
    *tasks.MUTANTS,
    *over.MUTANTS,
    *recovery.MUTANTS,
    *coordination.MUTANTS,
    *leases.MUTANTS,
)
