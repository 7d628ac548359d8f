# The conversation: the real server on a thread and on a libuv loop, and raw clients.

cordon_test_kit(talk_kit talk_kit.c talk_wire.c)
foreach(subject frames hello flight left bodies json json_token script limits flood stream stop client
        calls)
    cordon_test(NAME talk_${subject}
        SOURCES talk_${subject}_test.c LIBS talk_kit LABELS system)
endforeach()

# What it costs.

# Label `figures`: under a sanitizer all is so slow that answers leave one by one, and buffers are
# given back between two uses.
cordon_test(NAME count_alloc
    SOURCES count_alloc_test.c count_malloc.c LIBS talk_kit LABELS system figures)
cordon_test(NAME count_syscalls
    SOURCES count_syscalls_test.c
    LABELS system count figures)
if(TEST count_syscalls) # who waits for another test's turn of the processor makes more calls
    set_tests_properties(count_syscalls PROPERTIES RUN_SERIAL ON)
endif()
