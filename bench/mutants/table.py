"""All mutants, in the order in which an entry meets their places."""

from bench.mutants import agents, over, reading, shipping, storing, transcript, values, writing

MUTANTS = (
    *writing.MUTANTS,
    *reading.MUTANTS,
    *shipping.MUTANTS,
    *storing.MUTANTS,
    *transcript.MUTANTS,
    *agents.MUTANTS,
    *values.MUTANTS,
    *over.MUTANTS,
)
