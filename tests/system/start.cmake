# Connect or start: the real command is the daemon.
cordon_test_kit(start_kit start_kit.c start_crowd.c)
foreach(subject once fail options ready)
    cordon_test(NAME start_${subject}_test SOURCES start_${subject}_test.c LIBS start_kit)
endforeach()
foreach(subject busy time version)
    cordon_test(NAME start_${subject}_test SOURCES start_${subject}_test.c LIBS start_kit client_kit)
endforeach()
if(WIN32) # callers are threads there: start_rounds_test has processes
    set(callers 100 20)
endif()
cordon_test(NAME start_race_test SOURCES start_race_test.c ARGS ${callers} LIBS start_kit LABELS race TIMEOUT 300)
if(WIN32)
    set_tests_properties(start_race_test PROPERTIES COST 200) # begins early, as race_test does
endif()
cordon_test(NAME start_rounds_test SOURCES start_rounds_test.c LIBS start_kit LABELS race TIMEOUT 300)
# Each fifth system call; all of them, and long storms: docs/campaigns.md
cordon_test(NAME start_kill_test SOURCES start_kill_test.c LIBS start_kit LABELS kill TIMEOUT 180)
if(WIN32)
    set(protocol 40)
endif()
cordon_test(NAME start_protocol_test SOURCES start_protocol_test.c ARGS ${protocol} LABELS race TIMEOUT 180)
