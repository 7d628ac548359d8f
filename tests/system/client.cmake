# The client that waits, with servers played by hand.
foreach(subject call connect end gather json limits memory repeat session signal stop
        stranger)
    cordon_test(NAME client_${subject}_test SOURCES client_${subject}_test.c client_kit.c)
endforeach()
