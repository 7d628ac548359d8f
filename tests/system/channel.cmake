# Parent and child: both ends of a pair in one process, and children that are the test itself.

cordon_test_kit(channel_kit channel_kit.c channel_no_play.c)
cordon_test(NAME channel_message_test SOURCES channel_message_test.c LIBS channel_kit)
foreach(subject IN ITEMS child end) # what only POSIX has beside what both have
    set(own channel_${subject}_${CORDON_SYSTEM}.c)
    if(WIN32)
        set(own "")
    endif()
    cordon_test(NAME channel_${subject}_test SOURCES channel_${subject}_test.c ${own}
        LIBS channel_kit)
endforeach()
cordon_test(NAME channel_request_test
    SOURCES channel_request_test.c channel_helper.c LIBS channel_kit)
# Descriptors, and a peer that breaks the rules.
set(own channel_broken_posix.c channel_peer.c)
if(WIN32)
    set(own "")
endif()
cordon_test(NAME channel_broken_test SOURCES channel_broken_test.c ${own} LIBS channel_kit)
foreach(subject IN ITEMS handle foreign)
    cordon_test(NAME channel_${subject}_test
        SOURCES channel_${subject}_test.c channel_peer.c LIBS channel_kit)
endforeach()
cordon_test(NAME win_channel_test SYSTEM win32 SOURCES win_channel_test.c LIBS channel_kit)
