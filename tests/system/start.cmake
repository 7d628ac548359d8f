# Connect or start: the real command is the daemon.
cordon_test_kit(start_kit start_kit.c)
foreach(subject once fail)
    cordon_test(NAME start_${subject}_test SOURCES start_${subject}_test.c LIBS start_kit)
endforeach()
foreach(subject time version)
    cordon_test(NAME start_${subject}_test SOURCES start_${subject}_test.c LIBS start_kit client_kit)
endforeach()
cordon_test(NAME start_rounds_test SOURCES start_rounds_test.c LIBS start_kit LABELS race TIMEOUT 300)
# Each third system call; all of them, and long storms: docs/campaigns.md
cordon_test(NAME start_kill_test SOURCES start_kill_test.c LIBS start_kit LABELS kill TIMEOUT 180)
