// Verifies one user by phone: node phone_2fa.mjs +46701740605
//
// The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
import { promisify } from 'node:util';
import koffi from 'koffi';

// The functions and structs of zignsec.h that this program uses.
koffi.opaque('zs_client');
koffi.opaque('zs_session');
koffi.opaque('zs_error');
koffi.struct('zs_phone_2fa_request', {
  struct_size: 'size_t',
  phone_number: 'const char *',
  redirect_success: 'const char *',
  redirect_failure: 'const char *',
  locale: 'const char *',
  relay_state: 'const char *',
  webhook: 'const char *',
  csrf_token: 'const char *',
});
koffi.proto(
  'int32_t zs_wait_callback(const zs_session *session, uint32_t elapsed_ms, void *user_data)',
);
koffi.struct('zs_wait_options', {
  struct_size: 'size_t',
  timeout_ms: 'uint32_t',
  poll_interval_ms: 'uint32_t',
  on_poll: 'zs_wait_callback *',
  user_data: 'void *',
});

const library = koffi.load(
  process.platform === 'win32' ? 'zignsec-0.1.dll' : 'libzignsec.so.0.1',
);
const zs_phone_2fa_request_init = library.func(
  'void zs_phone_2fa_request_init(_Out_ zs_phone_2fa_request *request, size_t struct_size)',
);
const zs_wait_options_init = library.func(
  'void zs_wait_options_init(_Out_ zs_wait_options *options, size_t struct_size)',
);
const zs_client_new = library.func(
  'int32_t zs_client_new(const void *options, _Out_ zs_client **client, _Out_ zs_error **error)',
);
const zs_start_phone_2fa = library.func(
  `int32_t zs_start_phone_2fa(const zs_client *client, const zs_phone_2fa_request *request,
    _Out_ zs_session **session, _Out_ zs_error **error)`,
);
const zs_wait_for_session = library.func(
  `int32_t zs_wait_for_session(const zs_client *client, const char *session_id,
    const zs_wait_options *options, _Out_ zs_session **session, _Out_ zs_error **error)`,
);
const zs_session_id = library.func('const char *zs_session_id(const zs_session *session)');
const zs_session_status_text = library.func(
  'const char *zs_session_status_text(const zs_session *session)',
);
const zs_session_redirect_url = library.func(
  'const char *zs_session_redirect_url(const zs_session *session)',
);
const zs_session_is_verified_for = library.func(
  'int32_t zs_session_is_verified_for(const zs_session *session, const char *phone_number)',
);
const zs_error_result_name = library.func(
  'const char *zs_error_result_name(const zs_error *error)',
);
const zs_error_message = library.func('const char *zs_error_message(const zs_error *error)');
const zs_client_free = library.func('void zs_client_free(zs_client *client)');
const zs_session_free = library.func('void zs_session_free(zs_session *session)');
const zs_error_free = library.func('void zs_error_free(zs_error *error)');

class ZignSecError extends Error {
  constructor(error) {
    super(zs_error_message(error));
    this.result = zs_error_result_name(error);
  }
}

// Runs a blocking function on another thread and returns the object that it writes to its output.
async function call(func, ...inputs) {
  const output = [null];
  const error = [null];
  const result = await promisify(func.async)(...inputs, output, error);
  if (result === 0) {
    return output[0];
  }
  try {
    throw new ZignSecError(error[0]);
  } finally {
    zs_error_free(error[0]);
  }
}

// Returns a struct in which every option has its default value.
function newStruct(init, type) {
  const struct = {};
  init(struct, koffi.sizeof(type));
  return struct;
}

function showProgress(session, elapsedMs) {
  console.log(`  ${zs_session_status_text(session)} after ${elapsedMs} ms`);
  return 0; // continue waiting
}

async function check(phoneNumber) {
  const onPoll = koffi.register(showProgress, 'zs_wait_callback *');
  let client, session, ended;
  try {
    client = await call(zs_client_new, null);

    const request = newStruct(zs_phone_2fa_request_init, 'zs_phone_2fa_request');
    request.phone_number = phoneNumber;
    request.redirect_success = 'https://my_success_url.com';
    request.redirect_failure = 'https://my_failure_url.com';
    request.relay_state = 'Tulasi_V5_SMS';
    session = await call(zs_start_phone_2fa, client, request);
    console.log(`1. Session ${zs_session_id(session)} is ${zs_session_status_text(session)}.`);
    console.log(`2. Send the user here:\n  ${zs_session_redirect_url(session) ?? '-'}`);

    const options = newStruct(zs_wait_options_init, 'zs_wait_options');
    options.poll_interval_ms = 1000;
    options.on_poll = onPoll;
    ended = await call(zs_wait_for_session, client, zs_session_id(session), options);
    const verified = zs_session_is_verified_for(ended, phoneNumber) !== 0;
    const verdict = verified ? 'is' : 'is not';
    console.log(`3. The session ended ${zs_session_status_text(ended)}: the user ${verdict} verified.`);
    return verified;
  } finally {
    zs_session_free(ended);
    zs_session_free(session);
    zs_client_free(client);
    koffi.unregister(onPoll);
  }
}

if (process.argv.length !== 3) {
  console.error('usage: node phone_2fa.mjs PHONE_NUMBER');
  process.exit(2);
}
try {
  process.exitCode = (await check(process.argv[2])) ? 0 : 1;
} catch (error) {
  if (!(error instanceof ZignSecError)) {
    throw error;
  }
  console.error(`${error.result}: ${error.message}`);
  process.exitCode = 1;
}
