# Parent and child: both ends of a pair in one process, and children that are the test itself.

cordon_test_kit(channel_kit channel_kit.c)
foreach(subject IN ITEMS message child request)
    cordon_test(NAME channel_${subject}_test SOURCES channel_${subject}_test.c LIBS channel_kit)
endforeach()
