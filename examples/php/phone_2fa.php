<?php
// Puts one user through the phone check: php phone_2fa.php +46701740605
//
// The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.

declare(strict_types=1);

$zs = FFI::cdef(
    <<<'C'
    typedef int32_t zs_result;
    typedef struct zs_client zs_client;
    typedef struct zs_error zs_error;
    typedef struct zs_session zs_session;
    typedef struct zs_phone_2fa_request {
        size_t struct_size;
        const char *phone_number;
        const char *redirect_success;
        const char *redirect_failure;
        const char *locale;
        const char *relay_state;
        const char *webhook;
        const char *csrf_token;
    } zs_phone_2fa_request;
    typedef int32_t (*zs_wait_callback)(const zs_session *session, uint32_t elapsed_ms,
                                        void *user_data);
    typedef struct zs_wait_options {
        size_t struct_size;
        uint32_t timeout_ms;
        uint32_t poll_interval_ms;
        zs_wait_callback on_poll;
        void *user_data;
    } zs_wait_options;

    zs_result zs_client_new(const void *options, zs_client **out_client, zs_error **out_error);
    zs_result zs_start_phone_2fa(const zs_client *client, const zs_phone_2fa_request *request,
                                 zs_session **out_session, zs_error **out_error);
    zs_result zs_wait_for_session(const zs_client *client, const char *session_id,
                                  const zs_wait_options *options, zs_session **out_session,
                                  zs_error **out_error);
    void zs_client_free(zs_client *client);
    const char *zs_session_id(const zs_session *session);
    const char *zs_session_status_text(const zs_session *session);
    const char *zs_session_redirect_url(const zs_session *session);
    int32_t zs_session_is_verified(const zs_session *session);
    void zs_session_free(zs_session *session);
    const char *zs_result_name(int32_t result);
    const char *zs_error_message(const zs_error *error);
    int32_t zs_error_in_doubt(const zs_error *error);
    void zs_error_free(zs_error *error);
    C,
    'libzignsec.so.0.1',
);

final class ZignSecException extends Exception
{
    public function __construct(public readonly string $result, string $message, public readonly bool $inDoubt)
    {
        parent::__construct($message);
    }
}

/** What a function of the library puts into its output, freed with the last reference. */
final class Handle
{
    public readonly FFI\CData $pointer;

    public function __construct(private FFI $zs, private string $type)
    {
        $this->pointer = $zs->new("$type *");
    }

    public function __destruct()
    {
        $this->zs->{"{$this->type}_free"}($this->pointer);
    }
}

/** Calls a function of the library and gives its output, of this type. */
function call(FFI $zs, string $type, string $function, mixed ...$inputs): Handle
{
    $output = new Handle($zs, $type);
    $error = new Handle($zs, 'zs_error');
    $result = $zs->$function(...$inputs, ...[FFI::addr($output->pointer), FFI::addr($error->pointer)]);
    if ($result !== 0) {
        throw new ZignSecException(
            $zs->zs_result_name($result),
            $zs->zs_error_message($error->pointer),
            $zs->zs_error_in_doubt($error->pointer) !== 0,
        );
    }
    return $output;
}

/** A C string, good as long as it is referred to. */
function c_string(string $text): FFI\CData
{
    $bytes = FFI::new('char[' . strlen($text) + 1 . ']');
    FFI::memcpy($bytes, $text, strlen($text));
    return $bytes;
}

function check(FFI $zs, string $phone_number): bool
{
    $client = call($zs, 'zs_client', 'zs_client_new', null);

    $strings = array_map(c_string(...), [
        'phone_number' => $phone_number,
        'redirect_success' => 'https://my_success_url.com',
        'redirect_failure' => 'https://my_failure_url.com',
        'relay_state' => 'Tulasi_V5_SMS',
    ]);
    $request = $zs->new('zs_phone_2fa_request');
    $request->struct_size = FFI::sizeof($request);
    foreach ($strings as $field => $string) {
        $request->$field = FFI::cast('char *', $string);
    }

    $session = call($zs, 'zs_session', 'zs_start_phone_2fa', $client->pointer, FFI::addr($request));
    $id = $zs->zs_session_id($session->pointer);
    $status = $zs->zs_session_status_text($session->pointer);
    $url = $zs->zs_session_redirect_url($session->pointer) ?? '-';
    echo "1. Session $id is $status.\n2. Send the user here:\n  $url\n";

    $wait = $zs->new('zs_wait_options');
    $wait->struct_size = FFI::sizeof($wait);
    $wait->poll_interval_ms = 1000;
    $wait->on_poll = function (FFI\CData $session, int $elapsed_ms) use ($zs): int {
        echo "  {$zs->zs_session_status_text($session)} after $elapsed_ms ms\n";
        return 0; // go on waiting
    };

    $ended = call($zs, 'zs_session', 'zs_wait_for_session', $client->pointer, $id, FFI::addr($wait));
    $status = $zs->zs_session_status_text($ended->pointer);
    $verified = $zs->zs_session_is_verified($ended->pointer) !== 0;
    echo "3. The session ended $status: the user ", $verified ? 'is' : 'is not', " verified.\n";
    return $verified;
}

if ($argc !== 2) {
    fwrite(STDERR, "usage: php $argv[0] PHONE_NUMBER\n");
    exit(2);
}
try {
    exit(check($zs, $argv[1]) ? 0 : 1);
} catch (ZignSecException $error) {
    fwrite(STDERR, "{$error->result}: {$error->getMessage()}\n");
    if ($error->inDoubt) {
        fwrite(STDERR, "a session may have been opened all the same\n");
    }
    exit(1);
}
