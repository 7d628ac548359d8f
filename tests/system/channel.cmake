# Parent and child: both ends of a pair in one process, and children that are the test itself.

cordon_test_kit(channel_kit channel_kit.c)
foreach(subject IN ITEMS message child end)
    cordon_test(NAME channel_${subject}_test SOURCES channel_${subject}_test.c LIBS channel_kit)
endforeach()
cordon_test(NAME channel_request_test
    SOURCES channel_request_test.c channel_helper.c LIBS channel_kit)
# Descriptors, and a peer that breaks the rules.
foreach(subject IN ITEMS handle broken foreign)
    cordon_test(NAME channel_${subject}_test
        SOURCES channel_${subject}_test.c channel_peer.c LIBS channel_kit)
endforeach()
cordon_test(NAME win_channel_test SYSTEM win32 SOURCES win_channel_test.c LIBS channel_kit)
