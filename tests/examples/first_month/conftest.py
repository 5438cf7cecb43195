"""What a user writes in the first month with pytest-epoll, one file a subject, each with the code under test in it."""
