cordon_test(NAME loop_run_test SOURCES loop_run_test.c LABELS system)
cordon_test(NAME loop_edge_test SYSTEM posix SOURCES loop_edge_test.c LABELS system)
if(CMAKE_SYSTEM_NAME STREQUAL Linux) # in a static C library the call that it replaces is not alone
    target_link_options(loop_edge_test PRIVATE LINKER:-z,muldefs)
endif()

# A server that leaves when nobody is there; single instance; listeners that are inherited.
if(WIN32)
    set(leaving 300)
endif()
cordon_test(NAME race_idle_test SOURCES race_idle_test.c ARGS ${leaving} LABELS race TIMEOUT 120)
if(WIN32) # each start is a process
    set(first_starts 12)
endif()
cordon_test(NAME single_test SOURCES single_test.c ARGS ${first_starts})
if(WIN32) # each start is a process
    set(restarts_of_leaving 20)
endif()
cordon_test(NAME race_leave_test SOURCES race_leave_test.c ARGS ${restarts_of_leaving}
    LIBS start_kit LABELS race TIMEOUT 120)
