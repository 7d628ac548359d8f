# The client that waits, with servers played by hand.
cordon_test_kit(client_kit client_kit.c)
foreach(subject call connect end gather json limits memory repeat session signal stop
        stranger)
    cordon_test(NAME client_${subject}_test SOURCES client_${subject}_test.c LIBS client_kit)
endforeach()
# What a doctor is told of servers that are not as they should be.
cordon_test(NAME check_test SOURCES check_test.c LIBS client_kit)
