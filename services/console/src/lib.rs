//! What people see: the case lists, the alert stream and the pages.
