# Connect or start: the real command is the daemon.
cordon_test_kit(start_kit start_kit.c)
cordon_test(NAME start_rounds_test SOURCES start_rounds_test.c LIBS start_kit LABELS race TIMEOUT 300)
