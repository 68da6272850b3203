// Verifies one user by phone: phone_2fa +46701740605
//
// The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
package main

/*
#cgo LDFLAGS: -lzignsec
#include <stdlib.h>
#include <zignsec.h>

// The Go function below. cgo exports it without const.
extern int32_t showProgress(zs_session *session, uint32_t elapsed_ms, void *user_data);
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

// toError converts the error of a call to a Go error, and frees it. It returns nil if the call
// succeeded.
func toError(result C.zs_result, err *C.zs_error) error {
	defer C.zs_error_free(err)
	if result == C.ZS_OK {
		return nil
	}
	return fmt.Errorf("%s: %s", C.GoString(C.zs_error_result_name(err)),
		C.GoString(C.zs_error_message(err)))
}

//export showProgress
func showProgress(session *C.zs_session, elapsedMs C.uint32_t, _ unsafe.Pointer) C.int32_t {
	fmt.Printf("  %s after %d ms\n", C.GoString(C.zs_session_status_text(session)), elapsedMs)
	return 0 // continue waiting
}

func check(phoneNumber string) (bool, error) {
	var client *C.zs_client
	var cErr *C.zs_error
	result := C.zs_client_new(nil, &client, &cErr)
	if err := toError(result, cErr); err != nil {
		return false, err
	}
	defer C.zs_client_free(client)

	var request C.zs_phone_2fa_request
	C.zs_phone_2fa_request_init(&request, C.sizeof_zs_phone_2fa_request)
	for field, value := range map[**C.char]string{
		&request.phone_number:     phoneNumber,
		&request.redirect_success: "https://my_success_url.com",
		&request.redirect_failure: "https://my_failure_url.com",
		&request.relay_state:      "Tulasi_V5_SMS",
	} {
		*field = C.CString(value)
		defer C.free(unsafe.Pointer(*field))
	}

	var session *C.zs_session
	result = C.zs_start_phone_2fa(client, &request, &session, &cErr)
	if err := toError(result, cErr); err != nil {
		return false, err
	}
	defer C.zs_session_free(session)
	url := "-"
	if chars := C.zs_session_redirect_url(session); chars != nil {
		url = C.GoString(chars)
	}
	fmt.Printf("1. Session %s is %s.\n", C.GoString(C.zs_session_id(session)),
		C.GoString(C.zs_session_status_text(session)))
	fmt.Printf("2. Send the user here:\n  %s\n", url)

	var wait C.zs_wait_options
	C.zs_wait_options_init(&wait, C.sizeof_zs_wait_options)
	wait.poll_interval_ms = 1000
	wait.on_poll = C.zs_wait_callback(C.showProgress)

	var ended *C.zs_session
	result = C.zs_wait_for_session(client, C.zs_session_id(session), &wait, &ended, &cErr)
	if err := toError(result, cErr); err != nil {
		return false, err
	}
	defer C.zs_session_free(ended)
	verified := C.zs_session_is_verified_for(ended, request.phone_number) != 0
	verdict := "is not"
	if verified {
		verdict = "is"
	}
	fmt.Printf("3. The session ended %s: the user %s verified.\n",
		C.GoString(C.zs_session_status_text(ended)), verdict)
	return verified, nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: %s PHONE_NUMBER\n", os.Args[0])
		os.Exit(2)
	}
	verified, err := check(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if !verified {
		os.Exit(1)
	}
}
