"""Who takes part: granting a department or a bank what it may send and see, revoking it, and listing all.

============  ======================================================================================================
``files``     the site's files: made, put in place in one step, replaced at a revocation, never deleted
``granting``  a new principal on the servers, and back
``taking``    whether the services of this home have taken a change in
``listing``   every principal with what it sends, sees and has done
============  ======================================================================================================
"""
