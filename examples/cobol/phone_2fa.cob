      *> Verifies one user by phone: phone_2fa +46701740605
      *>
      *> The API key is read from ZIGNSEC_API_KEY, the gateway from
      *> ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. phone_2fa.

       DATA DIVISION.
       WORKING-STORAGE SECTION.
      *> zs_phone_2fa_request
       01 phone-2fa-request.
          05 struct-size         USAGE BINARY-DOUBLE UNSIGNED.
          05 phone-number        USAGE POINTER.
          05 redirect-success    USAGE POINTER.
          05 redirect-failure    USAGE POINTER.
          05 locale-name         USAGE POINTER.
          05 relay-state         USAGE POINTER.
          05 webhook             USAGE POINTER.
          05 csrf-token          USAGE POINTER.
      *> zs_wait_options
       01 wait-options.
          05 struct-size         USAGE BINARY-DOUBLE UNSIGNED.
          05 timeout-ms          USAGE BINARY-LONG UNSIGNED.
          05 poll-interval-ms    USAGE BINARY-LONG UNSIGNED.
          05 on-poll             USAGE PROGRAM-POINTER.
          05 user-data           USAGE POINTER.

       01 request-size           USAGE BINARY-DOUBLE UNSIGNED.
       01 options-size           USAGE BINARY-DOUBLE UNSIGNED.
       01 client-options         USAGE POINTER VALUE NULL.
       01 client                 USAGE POINTER.
       01 session                USAGE POINTER.
       01 ended                  USAGE POINTER.
       01 error-object           USAGE POINTER.
       01 session-id             USAGE POINTER.
       01 chars                  USAGE POINTER.
       01 result                 USAGE BINARY-LONG.
       01 is-verified            USAGE BINARY-LONG VALUE 0.

       01 phone-text             PIC X(64).
       01 phone-c                PIC X(65).
       01 success-c              PIC X(64)
                                 VALUE Z"https://my_success_url.com".
       01 failure-c              PIC X(64)
                                 VALUE Z"https://my_failure_url.com".
       01 relay-c                PIC X(64) VALUE Z"Tulasi_V5_SMS".
       01 id-text                PIC X(64).
       01 status-text            PIC X(64).
       01 long-text              PIC X(4096).
       01 verdict                PIC X(6) VALUE "is not".

       PROCEDURE DIVISION.
       main-program.
           ACCEPT phone-text FROM ARGUMENT-VALUE
           IF phone-text = SPACES
               DISPLAY "usage: phone_2fa PHONE_NUMBER" UPON SYSERR
               STOP RUN RETURNING 2
           END-IF

           CALL "zs_client_new" USING BY VALUE client-options
               BY REFERENCE client error-object RETURNING result
           IF result = 0
               PERFORM start-session
           END-IF
           IF result = 0
               PERFORM wait-for-user
           END-IF
           IF result NOT = 0
               PERFORM show-error
           END-IF

           CALL "zs_error_free" USING BY VALUE error-object
               RETURNING OMITTED
           CALL "zs_session_free" USING BY VALUE ended
               RETURNING OMITTED
           CALL "zs_session_free" USING BY VALUE session
               RETURNING OMITTED
           CALL "zs_client_free" USING BY VALUE client
               RETURNING OMITTED
           IF is-verified = 0
               STOP RUN RETURNING 1
           END-IF
           STOP RUN RETURNING 0.

       start-session.
           MOVE LENGTH OF phone-2fa-request TO request-size
           CALL "zs_phone_2fa_request_init" USING
               BY REFERENCE phone-2fa-request BY VALUE request-size
               RETURNING OMITTED
           STRING FUNCTION TRIM(phone-text) X"00" DELIMITED BY SIZE
               INTO phone-c
           SET phone-number TO ADDRESS OF phone-c
           SET redirect-success TO ADDRESS OF success-c
           SET redirect-failure TO ADDRESS OF failure-c
           SET relay-state TO ADDRESS OF relay-c
           CALL "zs_start_phone_2fa" USING BY VALUE client
               BY REFERENCE phone-2fa-request session error-object
               RETURNING result
           IF result = 0
               CALL "zs_session_id" USING BY VALUE session
                   RETURNING session-id
               CALL "c_text" USING session-id id-text
               CALL "zs_session_status_text" USING BY VALUE session
                   RETURNING chars
               CALL "c_text" USING chars status-text
               DISPLAY "1. Session " FUNCTION TRIM(id-text)
                   " is " FUNCTION TRIM(status-text) "."
               CALL "zs_session_redirect_url" USING BY VALUE session
                   RETURNING chars
               CALL "c_text" USING chars long-text
               DISPLAY "2. Send the user here:"
               DISPLAY "  " FUNCTION TRIM(long-text)
           END-IF.

       wait-for-user.
           MOVE LENGTH OF wait-options TO options-size
           CALL "zs_wait_options_init" USING
               BY REFERENCE wait-options BY VALUE options-size
               RETURNING OMITTED
           MOVE 1000 TO poll-interval-ms
           SET on-poll TO ENTRY "show_progress"
           CALL "zs_wait_for_session" USING BY VALUE client session-id
               BY REFERENCE wait-options ended error-object
               RETURNING result
           IF result = 0
               CALL "zs_session_is_verified_for" USING
                   BY VALUE ended phone-number RETURNING is-verified
               IF is-verified NOT = 0
                   MOVE "is" TO verdict
               END-IF
               CALL "zs_session_status_text" USING BY VALUE ended
                   RETURNING chars
               CALL "c_text" USING chars status-text
               DISPLAY "3. The session ended "
                   FUNCTION TRIM(status-text) ": the user "
                   FUNCTION TRIM(verdict) " verified."
           END-IF.

       show-error.
           CALL "zs_error_result_name" USING BY VALUE error-object
               RETURNING chars
           CALL "c_text" USING chars status-text
           CALL "zs_error_message" USING BY VALUE error-object
               RETURNING chars
           CALL "c_text" USING chars long-text
           DISPLAY FUNCTION TRIM(status-text) ": "
               FUNCTION TRIM(long-text) UPON SYSERR.
       END PROGRAM phone_2fa.

      *> The zs_wait_callback, called after each poll.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. show_progress.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       01 chars                  USAGE POINTER.
       01 status-text            PIC X(64).
       01 elapsed-text           PIC Z(9)9.
       LINKAGE SECTION.
       01 session                USAGE POINTER.
       01 elapsed-ms             USAGE BINARY-LONG UNSIGNED.
       01 user-data              USAGE POINTER.
       PROCEDURE DIVISION
           USING BY VALUE session elapsed-ms user-data.
           CALL "zs_session_status_text" USING BY VALUE session
               RETURNING chars
           CALL "c_text" USING chars status-text
           MOVE elapsed-ms TO elapsed-text
           DISPLAY "  " FUNCTION TRIM(status-text)
               " after " FUNCTION TRIM(elapsed-text) " ms"
      *>   Continue waiting.
           MOVE 0 TO RETURN-CODE
           GOBACK.
       END PROGRAM show_progress.

      *> Copies the text of a C string to a field; a hyphen for NULL.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. c_text.
       DATA DIVISION.
       LINKAGE SECTION.
       01 chars                  USAGE POINTER.
       01 text-field             PIC X ANY LENGTH.
       01 c-string               PIC X(4096).
       PROCEDURE DIVISION USING chars text-field.
           MOVE SPACES TO text-field
           IF chars = NULL
               MOVE "-" TO text-field
           ELSE
               SET ADDRESS OF c-string TO chars
               STRING c-string DELIMITED BY X"00" INTO text-field
           END-IF
           GOBACK.
       END PROGRAM c_text.
