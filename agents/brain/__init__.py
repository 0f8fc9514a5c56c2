"""The assistant's own brain: written, not learned. It plugs in like any language model.

Theory of operation
-------------------
1. Words. What was heard is brought into one form (`words`), in which speech recognition's usual
   slips ("have past seven", "a table for to") are repaired.
2. Router. Every intent has example phrases. The utterance is compared with all of them, word by
   word and forgivingly; the best one wins, if it is good enough (`router`, `phrases`).
3. Conversation. The newest messages are read in order; each changes what is known of the caller's
   wish for a table, and the last one is answered (`conversation`, `wish`, `answers`). There is no
   other state: whoever has the same chat context gives the same answer, so a successor goes on
   where its predecessor died.
4. Replies are authored (`replies`, `stories`). Which variant is said depends on how many things
   the caller has said so far, so the same turn asked again is answered in the same words.
5. Tools do what has an effect; what they return is spoken as it stands (`llm`).
"""
