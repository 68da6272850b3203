! Verifies one user by phone: phone_2fa +46701740605
!
! The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.

! The functions and structs of zignsec.h that this program uses.
module zignsec
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: error_unit, output_unit
    implicit none

    type, bind(c) :: zs_phone_2fa_request
        integer(c_size_t) :: struct_size
        type(c_ptr) :: phone_number
        type(c_ptr) :: redirect_success
        type(c_ptr) :: redirect_failure
        type(c_ptr) :: locale
        type(c_ptr) :: relay_state
        type(c_ptr) :: webhook
        type(c_ptr) :: csrf_token
    end type

    type, bind(c) :: zs_wait_options
        integer(c_size_t) :: struct_size
        integer(c_int32_t) :: timeout_ms
        integer(c_int32_t) :: poll_interval_ms
        type(c_funptr) :: on_poll
        type(c_ptr) :: user_data
    end type

    interface
        subroutine zs_phone_2fa_request_init(request, struct_size) bind(c)
            import
            type(zs_phone_2fa_request), intent(out) :: request
            integer(c_size_t), value :: struct_size
        end subroutine
        subroutine zs_wait_options_init(options, struct_size) bind(c)
            import
            type(zs_wait_options), intent(out) :: options
            integer(c_size_t), value :: struct_size
        end subroutine
        integer(c_int32_t) function zs_client_new(options, client, error) bind(c)
            import
            type(c_ptr), value :: options
            type(c_ptr), intent(out) :: client, error
        end function
        integer(c_int32_t) function zs_start_phone_2fa(client, request, session, error) bind(c)
            import
            type(c_ptr), value :: client
            type(zs_phone_2fa_request), intent(in) :: request
            type(c_ptr), intent(out) :: session, error
        end function
        integer(c_int32_t) function zs_wait_for_session(client, session_id, options, session, error) bind(c)
            import
            type(c_ptr), value :: client, session_id
            type(zs_wait_options), intent(in) :: options
            type(c_ptr), intent(out) :: session, error
        end function
        subroutine zs_client_free(client) bind(c)
            import
            type(c_ptr), value :: client
        end subroutine
        type(c_ptr) function zs_session_id(session) bind(c)
            import
            type(c_ptr), value :: session
        end function
        type(c_ptr) function zs_session_status_text(session) bind(c)
            import
            type(c_ptr), value :: session
        end function
        type(c_ptr) function zs_session_redirect_url(session) bind(c)
            import
            type(c_ptr), value :: session
        end function
        integer(c_int32_t) function zs_session_is_verified_for(session, phone_number) bind(c)
            import
            type(c_ptr), value :: session, phone_number
        end function
        subroutine zs_session_free(session) bind(c)
            import
            type(c_ptr), value :: session
        end subroutine
        type(c_ptr) function zs_error_result_name(error) bind(c)
            import
            type(c_ptr), value :: error
        end function
        type(c_ptr) function zs_error_message(error) bind(c)
            import
            type(c_ptr), value :: error
        end function
        subroutine zs_error_free(error) bind(c)
            import
            type(c_ptr), value :: error
        end subroutine
        integer(c_size_t) function strlen(chars) bind(c)
            import
            type(c_ptr), value :: chars
        end function
    end interface

contains

    ! Returns the text of a C string; a hyphen for NULL.
    function text(chars)
        type(c_ptr), intent(in) :: chars
        character(:), allocatable :: text
        character(kind=c_char), pointer :: characters(:)
        integer :: i

        if (.not. c_associated(chars)) then
            text = '-'
            return
        end if
        call c_f_pointer(chars, characters, [strlen(chars)])
        allocate (character(size(characters)) :: text)
        do i = 1, size(characters)
            text(i:i) = characters(i)
        end do
    end function

    ! A zs_wait_callback, called after each poll. It is in a module, because an internal procedure of
    ! the program as a callback needs an executable stack.
    integer(c_int32_t) function show_progress(session, elapsed_ms, user_data) bind(c)
        type(c_ptr), value :: session, user_data
        integer(c_int32_t), value :: elapsed_ms

        print '(3a, i0, a)', '  ', text(zs_session_status_text(session)), ' after ', elapsed_ms, ' ms'
        flush (output_unit)
        show_progress = 0 ! continue waiting
    end function
end module

program phone_2fa
    use zignsec
    implicit none

    type(zs_phone_2fa_request) :: request
    type(zs_wait_options) :: options
    type(c_ptr) :: client = c_null_ptr, session = c_null_ptr, ended = c_null_ptr
    type(c_ptr) :: error = c_null_ptr
    character(64) :: argument
    character(:), allocatable, target :: phone_number
    character(*), parameter :: nul = c_null_char
    character(64), target :: redirect_success = 'https://my_success_url.com' // nul
    character(64), target :: redirect_failure = 'https://my_failure_url.com' // nul
    character(64), target :: relay_state = 'Tulasi_V5_SMS' // nul
    character(:), allocatable :: verdict
    integer(c_int32_t) :: result
    logical :: verified = .false.

    if (command_argument_count() /= 1) then
        write (error_unit, '(a)') 'usage: phone_2fa PHONE_NUMBER'
        stop 2, quiet=.true.
    end if
    call get_command_argument(1, argument)
    phone_number = trim(argument) // nul

    result = zs_client_new(c_null_ptr, client, error)
    if (result == 0) then
        call zs_phone_2fa_request_init(request, c_sizeof(request))
        request%phone_number = c_loc(phone_number)
        request%redirect_success = c_loc(redirect_success)
        request%redirect_failure = c_loc(redirect_failure)
        request%relay_state = c_loc(relay_state)
        result = zs_start_phone_2fa(client, request, session, error)
    end if
    if (result == 0) then
        print '(5a)', '1. Session ', text(zs_session_id(session)), ' is ', &
            text(zs_session_status_text(session)), '.'
        print '(a/2a)', '2. Send the user here:', '  ', text(zs_session_redirect_url(session))
        flush (output_unit)

        call zs_wait_options_init(options, c_sizeof(options))
        options%poll_interval_ms = 1000
        options%on_poll = c_funloc(show_progress)
        result = zs_wait_for_session(client, zs_session_id(session), options, ended, error)
    end if
    if (result == 0) then
        verified = zs_session_is_verified_for(ended, c_loc(phone_number)) /= 0
        verdict = merge('is    ', 'is not', verified)
        print '(5a)', '3. The session ended ', text(zs_session_status_text(ended)), &
            ': the user ', trim(verdict), ' verified.'
    else
        write (error_unit, '(3a)') text(zs_error_result_name(error)), ': ', &
            text(zs_error_message(error))
    end if

    call zs_error_free(error)
    call zs_session_free(ended)
    call zs_session_free(session)
    call zs_client_free(client)
    if (.not. verified) stop 1, quiet=.true.
end program
