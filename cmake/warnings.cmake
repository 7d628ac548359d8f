# cordon_own(<target>...): a target that we wrote: C11 and nothing else, and with
# CORDON_WERROR the strict set of warnings. Target properties only.

function(cordon_own)
    foreach(target IN LISTS ARGN)
        set_target_properties(${target} PROPERTIES
            C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
        if(NOT CORDON_WERROR)
            continue()
        endif()
        if(MSVC)
            target_compile_options(${target} PRIVATE /W4 /WX)
        else()
            target_compile_options(${target} PRIVATE
                -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla
                -Wstrict-prototypes -Wmissing-prototypes -Werror)
        endif()
    endforeach()
endfunction()
