"""The local page of `sessiontune review`: search, look, keep or drop.

`catalogue` lists what an export holds, `judging` keeps a person's verdicts in the state, `server`
answers the page on loopback and `guard` says whom; `page/` is the page itself: HTML, CSS and plain
JavaScript modules, without a build step.
"""
