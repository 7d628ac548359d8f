# cordon_own(<target>...): a target that we wrote: C11 and nothing else, and with
# CORDON_WERROR the strict set of warnings. Target properties only; which C runtime a Windows
# program has is its own choice (CMAKE_MSVC_RUNTIME_LIBRARY).

# C11 that MSVC's /W4 calls an extension or a mistake of style: flexible array members (4200),
# initializers known late (4204, 4221), addresses of imported functions (4232).
set(CORDON_MSVC_FLAGS /W4 /WX /wd4200 /wd4204 /wd4221 /wd4232)

function(cordon_own)
    foreach(target IN LISTS ARGN)
        set_target_properties(${target} PROPERTIES
            C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
        if(WIN32) # windows.h without its macros min and max
            target_compile_definitions(${target} PRIVATE NOMINMAX=1)
        endif()
        if(MSVC) # our text is UTF-8; the C library's bounded twins are not C11
            target_compile_options(${target} PRIVATE /utf-8)
            target_compile_definitions(${target} PRIVATE _CRT_SECURE_NO_WARNINGS=1)
        endif()
        if(NOT CORDON_WERROR)
            continue()
        endif()
        if(MSVC)
            target_compile_options(${target} PRIVATE ${CORDON_MSVC_FLAGS})
        else()
            target_compile_options(${target} PRIVATE
                -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla
                -Wstrict-prototypes -Wmissing-prototypes -Werror)
        endif()
    endforeach()
endfunction()
