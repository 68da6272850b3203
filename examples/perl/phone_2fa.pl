#!/usr/bin/perl
# Verifies one user by phone: perl phone_2fa.pl +46701740605
#
# The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
use strict;
use warnings;
use FFI::Platypus 2.00;

# The functions and structs of zignsec.h that this program uses.
my $ffi;
BEGIN {
    my $lib = $^O eq 'MSWin32' ? 'zignsec-0.1.dll' : 'libzignsec.so.0.1';
    $ffi = FFI::Platypus->new(api => 2, lib => $lib);
}

package ZignSec::Phone2faRequest {
    use FFI::Platypus::Record;
    record_layout_1(
        $ffi,
        'size_t'    => 'struct_size',
        'string rw' => 'phone_number',
        'string rw' => 'redirect_success',
        'string rw' => 'redirect_failure',
        'string rw' => 'locale',
        'string rw' => 'relay_state',
        'string rw' => 'webhook',
        'string rw' => 'csrf_token',
    );
}

package ZignSec::WaitOptions {
    use FFI::Platypus::Record;
    record_layout_1(
        $ffi,
        'size_t' => 'struct_size',
        'uint32' => 'timeout_ms',
        'uint32' => 'poll_interval_ms',
        'opaque' => 'on_poll',
        'opaque' => 'user_data',
    );
}

$ffi->type('record(ZignSec::Phone2faRequest)*' => 'phone_2fa_request');
$ffi->type('record(ZignSec::WaitOptions)*'     => 'wait_options');
$ffi->type('object(ZignSec::Client)'           => 'client');
$ffi->type('object(ZignSec::Session)'          => 'session');
$ffi->type('object(ZignSec::Error)'            => 'error');
$ffi->type('(opaque,uint32,opaque)->sint32'    => 'wait_callback');

# Frees an object when its last reference goes away.
$ffi->attach(['zs_client_free'  => 'ZignSec::Client::DESTROY']  => ['client']);
$ffi->attach(['zs_session_free' => 'ZignSec::Session::DESTROY'] => ['session']);
$ffi->attach(['zs_error_free'   => 'ZignSec::Error::DESTROY']   => ['error']);

$ffi->attach(zs_phone_2fa_request_init => ['phone_2fa_request', 'size_t']);
$ffi->attach(zs_wait_options_init      => ['wait_options', 'size_t']);
$ffi->attach(zs_client_new       => ['opaque', 'opaque*', 'opaque*'] => 'sint32', \&checked);
$ffi->attach(zs_start_phone_2fa  => ['client', 'phone_2fa_request', 'opaque*', 'opaque*'] => 'sint32', \&checked);
$ffi->attach(zs_wait_for_session => ['client', 'string', 'wait_options', 'opaque*', 'opaque*'] => 'sint32', \&checked);

$ffi->attach(['zs_session_id'           => 'ZignSec::Session::id']           => ['session'] => 'string');
$ffi->attach(['zs_session_status_text'  => 'ZignSec::Session::status_text']  => ['session'] => 'string');
$ffi->attach(['zs_session_redirect_url' => 'ZignSec::Session::redirect_url'] => ['session'] => 'string');
$ffi->attach(['zs_session_is_verified_for' => 'ZignSec::Session::is_verified_for'] => ['session', 'string'] => 'sint32');
$ffi->attach(['zs_error_message'        => 'ZignSec::Error::message']        => ['error']   => 'string');
$ffi->attach(['zs_error_result_name'    => 'ZignSec::Error::result_name']    => ['error']   => 'string');
# For the callback: the library owns its session, and an object would free it.
$ffi->attach(zs_session_status_text => ['opaque'] => 'string');

# Calls a function of the library and returns its output, a pointer. If the call fails, dies with the
# texts of the error, not with the error object: at the end of the program, an object in $@ would be
# destroyed after the function that frees it.
sub checked {
    my ($function, @inputs) = @_;
    my $result = $function->(@inputs, \my $output, \my $pointer);
    return $output if $result == 0;
    my $error = bless \$pointer, 'ZignSec::Error';
    die {
        result  => $error->result_name,
        message => $error->message,
    };
}

# Returns a struct in which every option has its default value.
sub new_struct {
    my ($class, $init) = @_;
    my $struct = $class->new;
    $init->($struct, $ffi->sizeof("record($class)"));
    return $struct;
}

sub check {
    my ($phone_number) = @_;
    my $client = bless \zs_client_new(undef), 'ZignSec::Client';

    my $request = new_struct('ZignSec::Phone2faRequest', \&zs_phone_2fa_request_init);
    $request->phone_number($phone_number);
    $request->redirect_success('https://my_success_url.com');
    $request->redirect_failure('https://my_failure_url.com');
    $request->relay_state('Tulasi_V5_SMS');
    my $session = bless \zs_start_phone_2fa($client, $request), 'ZignSec::Session';
    printf "1. Session %s is %s.\n", $session->id, $session->status_text;
    printf "2. Send the user here:\n  %s\n", $session->redirect_url // '-';

    my $show_progress = $ffi->closure(sub {
        my ($session, $elapsed_ms) = @_;
        printf "  %s after %d ms\n", zs_session_status_text($session), $elapsed_ms;
        return 0;    # continue waiting
    });
    my $options = new_struct('ZignSec::WaitOptions', \&zs_wait_options_init);
    $options->poll_interval_ms(1000);
    $options->on_poll($ffi->cast('wait_callback' => 'opaque', $show_progress));
    my $ended = bless \zs_wait_for_session($client, $session->id, $options), 'ZignSec::Session';
    my $verified = $ended->is_verified_for($phone_number);
    printf "3. The session ended %s: the user %s verified.\n", $ended->status_text,
        $verified ? 'is' : 'is not';
    return $verified;
}

die "usage: $0 PHONE_NUMBER\n" if @ARGV != 1;
$| = 1;
my $verified = eval { check($ARGV[0]) };
if (my $error = $@) {
    die $error if ref $error ne 'HASH';
    print STDERR "$error->{result}: $error->{message}\n";
}
exit($verified ? 0 : 1);
