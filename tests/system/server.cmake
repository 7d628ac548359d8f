# A server that leaves when nobody is there; single instance; listeners that are inherited.
if(WIN32)
    set(leaving 300)
endif()
cordon_test(NAME race_idle_test SOURCES race_idle_test.c ARGS ${leaving} LABELS race TIMEOUT 120)
