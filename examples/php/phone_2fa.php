<?php
// Verifies one user by phone: php phone_2fa.php +46701740605
//
// The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.

declare(strict_types=1);

/** Loads the library: zignsec.cdef contains the declarations of zignsec.h. */
function load_library(): FFI
{
    $library = PHP_OS_FAMILY === 'Windows' ? 'zignsec-0.1.dll' : 'libzignsec.so.0.1';
    return FFI::cdef(file_get_contents(__DIR__ . '/zignsec.cdef'), $library);
}

final class ZignSecException extends Exception
{
    public function __construct(public readonly string $result, string $message)
    {
        parent::__construct($message);
    }
}

/** An object of the library. It is freed with its last reference. */
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

/** Calls a function of the library and returns its output: an object of this type. */
function call(FFI $zs, string $type, string $function, mixed ...$inputs): Handle
{
    $output = new Handle($zs, $type);
    $error = new Handle($zs, 'zs_error');
    $result = $zs->$function(...$inputs, ...[FFI::addr($output->pointer), FFI::addr($error->pointer)]);
    if ($result !== 0) {
        throw new ZignSecException(
            $zs->zs_error_result_name($error->pointer),
            $zs->zs_error_message($error->pointer),
        );
    }
    return $output;
}

/** A C string. It is freed with its last reference. */
function c_string(string $text): FFI\CData
{
    $bytes = FFI::new('char[' . strlen($text) + 1 . ']');
    FFI::memcpy($bytes, $text, strlen($text));
    return $bytes;
}

/** A struct in which every option has its default value. */
function new_struct(FFI $zs, string $type): FFI\CData
{
    $struct = $zs->new($type);
    $zs->{"{$type}_init"}(FFI::addr($struct), FFI::sizeof($struct));
    return $struct;
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
    $request = new_struct($zs, 'zs_phone_2fa_request');
    foreach ($strings as $field => $string) {
        $request->$field = FFI::cast('char *', $string);
    }

    $session = call($zs, 'zs_session', 'zs_start_phone_2fa', $client->pointer, FFI::addr($request));
    $id = $zs->zs_session_id($session->pointer);
    $status = $zs->zs_session_status_text($session->pointer);
    $url = $zs->zs_session_redirect_url($session->pointer) ?? '-';
    echo "1. Session $id is $status.\n2. Send the user here:\n  $url\n";

    $wait = new_struct($zs, 'zs_wait_options');
    $wait->poll_interval_ms = 1000;
    $wait->on_poll = function (FFI\CData $session, int $elapsed_ms) use ($zs): int {
        echo "  {$zs->zs_session_status_text($session)} after $elapsed_ms ms\n";
        return 0; // continue waiting
    };

    $ended = call($zs, 'zs_session', 'zs_wait_for_session', $client->pointer, $id, FFI::addr($wait));
    $status = $zs->zs_session_status_text($ended->pointer);
    $verified = $zs->zs_session_is_verified_for($ended->pointer, $phone_number) !== 0;
    echo "3. The session ended $status: the user ", $verified ? 'is' : 'is not', " verified.\n";
    return $verified;
}

if ($argc !== 2) {
    fwrite(STDERR, "usage: php $argv[0] PHONE_NUMBER\n");
    exit(2);
}
try {
    exit(check(load_library(), $argv[1]) ? 0 : 1);
} catch (ZignSecException $error) {
    fwrite(STDERR, "{$error->result}: {$error->getMessage()}\n");
    exit(1);
}
