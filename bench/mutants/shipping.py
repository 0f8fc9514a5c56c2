"""Mutants of the keeper's side: reader, backlog, tail, blobs, requests."""

from bench.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
