dnl Finds a fio source tree, its config-host.h and the version a fio built from it reports.
dnl SPDX-License-Identifier: GPL-2.0-or-later

dnl QAIO_FIO_TREE_VERSION(DIR)
dnl Sets fio_tree_version to what `fio_version_string` is in a fio built from DIR: the file that its last
dnl build left, else what its FIO-VERSION-GEN would say. That script writes into the tree, so the same
dnl three questions are asked here: a version file, git, the default inside the script.
AC_DEFUN([QAIO_FIO_TREE_VERSION], [
    fio_tree_version=
    if test -r "$1/FIO-VERSION-FILE"; then
        fio_tree_version=`sed -n 's/^FIO_VERSION *= *//p' "$1/FIO-VERSION-FILE"`
    fi
    if test -z "$fio_tree_version" && test -f "$1/version"; then
        fio_tree_version=`sed 1q "$1/version"`
    fi
    if test -z "$fio_tree_version" && test -e "$1/.git"; then
        fio_tree_version=`cd "$1" && git describe --match "fio-@<:@0-9@:>@*" --abbrev=4 HEAD 2>/dev/null`
        if test -n "$fio_tree_version" &&
           (cd "$1" && ! GIT_OPTIONAL_LOCKS=0 git diff --quiet HEAD --) 2>/dev/null; then
            fio_tree_version="$fio_tree_version-dirty"
        fi
    fi
    if test -z "$fio_tree_version"; then
        fio_tree_version=`sed -n 's/^DEF_VER=//p' "$1/FIO-VERSION-GEN"`
    fi
    fio_tree_version=`expr "$fio_tree_version" : 'v*\(.*\)'`
])

dnl QAIO_FIO_OWN_CONFIG(DIR)
dnl fio.h does not compile without config-host.h. Where DIR was never configured this is done inside the
dnl build directory; fio's configure leaves its output in the current folder, so DIR stays as it is.
AC_DEFUN([QAIO_FIO_OWN_CONFIG], [
    fio_config_dir=`pwd`/fio-config
    if test ! -f fio-config/config-host.h || test "`cat fio-config/configured-for 2>/dev/null`" != "$1 $CC"
    then
        rm -rf fio-config
        AS_MKDIR_P([fio-config])
        AC_MSG_CHECKING([whether fio's own configure runs (the tree has no config-host.h)])
        if (cd fio-config && CC="$CC" CFLAGS= LDFLAGS= sh "$1/configure" >configure.out 2>&1 </dev/null) &&
           test -f fio-config/config-host.h; then
            echo "$1 $CC" >fio-config/configured-for
            AC_MSG_RESULT([yes])
        else
            AC_MSG_RESULT([no])
            AC_MSG_ERROR([fio's configure failed in $1: see fio-config/configure.out (Debian: gcc libc6-dev make)])
        fi
    fi
])

dnl QAIO_CHECK_FIO
dnl --with-fio=DIR, or what scripts/fetch-fio left for the installed fio. Sets FIO (the program, maybe
dnl empty), FIO_DIR, FIO_CPPFLAGS and the macro QAIO_FIO_VERSION.
AC_DEFUN([QAIO_CHECK_FIO], [
    AC_ARG_VAR([FIO], [the fio program that the tests run])
    AC_PATH_PROG([FIO], [fio])
    AC_ARG_WITH([fio],
        [AS_HELP_STRING([--with-fio=DIR],
            [source tree of the fio to build for, configured or not; nothing is written there
             @<:@what scripts/fetch-fio got@:>@])],
        [], [with_fio=])

    AC_MSG_CHECKING([for the source of fio])
    FIO_DIR=
    AS_CASE([$with_fio],
        [yes|no], [AC_MSG_RESULT([])
                   AC_MSG_ERROR([--with-fio wants the folder of a fio source tree])],
        [''], [
            fio_installed=
            if test -n "$FIO"; then fio_installed=`"$FIO" --version 2>/dev/null </dev/null | grep '^fio-'`; fi
            if test -z "$fio_installed"; then
                AC_MSG_RESULT([no])
                AC_MSG_ERROR([no fio program that tells its version: install fio (Debian: fio), then run scripts/fetch-fio, or pass --with-fio=DIR])
            fi
            for dir in "$srcdir/build-aux/$fio_installed" "build-aux/$fio_installed"; do
                if test -z "$FIO_DIR" && test -f "$dir/fio.h"; then
                    FIO_DIR=`cd "$dir" && pwd`
                fi
            done
            if test -z "$FIO_DIR"; then
                AC_MSG_RESULT([no])
                AC_MSG_ERROR([the source of the installed $fio_installed is not here: run scripts/fetch-fio, or pass --with-fio=DIR])
            fi],
        [
            if test ! -f "$with_fio/fio.h" || test ! -f "$with_fio/FIO-VERSION-GEN"; then
                AC_MSG_RESULT([no])
                AC_MSG_ERROR([$with_fio is no fio source tree: --with-fio wants the folder that has fio.h in it])
            fi
            FIO_DIR=`cd "$with_fio" && pwd`])
    AS_CASE([$FIO_DIR], [*@<:@[[:space:]]@:>@*],
        [AC_MSG_ERROR([the path of the fio source tree has a blank in it: move it or link to it])])

    QAIO_FIO_TREE_VERSION([$FIO_DIR])
    AC_MSG_RESULT([$FIO_DIR ($fio_tree_version)])
    AS_IF([test -z "$fio_tree_version"], [AC_MSG_ERROR([$FIO_DIR does not tell its version])])
    AC_DEFINE_UNQUOTED([QAIO_FIO_VERSION], ["$fio_tree_version"],
        [fio_version_string of the fio that this is built for])

    AS_IF([test -f "$FIO_DIR/config-host.h"], [fio_config_dir=$FIO_DIR],
        [QAIO_FIO_OWN_CONFIG([$FIO_DIR])])

    # -isystem: fio's headers do not compile clean under -Wextra, and both gcc and clang keep quiet about
    # headers found this way, written <fio.h> or "fio.h" alike. They include each other relative to their
    # own folder first, so our options.h and their options.h do not meet.
    FIO_CPPFLAGS="-isystem $FIO_DIR -include $fio_config_dir/config-host.h -D_GNU_SOURCE"
    AS_IF([test "$fio_config_dir" != "$FIO_DIR"],
        [FIO_CPPFLAGS="-isystem $fio_config_dir $FIO_CPPFLAGS"])

    AC_MSG_CHECKING([whether fio.h compiles])
    fio_save_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS $FIO_CPPFLAGS"
    AC_COMPILE_IFELSE(
        [AC_LANG_PROGRAM([[
#include "fio.h"
#include "optgroup.h"
        ]], [[struct ioengine_ops ops = { .version = FIO_IOOPS_VERSION }; return ops.version;]])],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([fio.h of $FIO_DIR does not compile: see config.log])])
    CPPFLAGS=$fio_save_CPPFLAGS

    AC_SUBST([FIO_DIR])
    AC_SUBST([FIO_CPPFLAGS])
])
