-- Puts one user through the phone check: luajit phone_2fa.lua +46701740605
--
-- The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
local ffi = require 'ffi'

ffi.cdef [[
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
]]

local zs = ffi.load('libzignsec.so.0.1')

-- A string of the library's; nil for NULL.
local function text(chars)
    return chars ~= nil and ffi.string(chars) or nil
end

-- Makes a call of the library's and gives what it puts into its output, of this type, for the garbage
-- collector to free.
local function call(type, func)
    local output = ffi.new(type .. ' *[1]')
    local err = ffi.new('zs_error *[1]')
    local result = func(output, err)
    if result ~= 0 then
        local failed = {
            result = text(zs.zs_result_name(result)),
            message = text(zs.zs_error_message(err[0])),
            in_doubt = zs.zs_error_in_doubt(err[0]) ~= 0,
        }
        zs.zs_error_free(err[0])
        error(failed)
    end
    return ffi.gc(output[0], zs[type .. '_free'])
end

-- An error must not pass through the library: it ends the wait. The callback is made once: there is
-- room for some hundred, and none is collected.
local show_progress = ffi.cast('zs_wait_callback', function(session, elapsed_ms)
    local shown, failed = pcall(function()
        print(('  %s after %d ms'):format(text(zs.zs_session_status_text(session)), elapsed_ms))
    end)
    if not shown then
        io.stderr:write(failed, '\n')
    end
    return shown and 0 or 1
end)

local function check(phone_number)
    local client = call('zs_client', function(out, err)
        return zs.zs_client_new(nil, out, err)
    end)

    local request = ffi.new('zs_phone_2fa_request', {
        struct_size = ffi.sizeof('zs_phone_2fa_request'),
        phone_number = phone_number,
        redirect_success = 'https://my_success_url.com',
        redirect_failure = 'https://my_failure_url.com',
        relay_state = 'Tulasi_V5_SMS',
    })
    local session = call('zs_session', function(out, err)
        return zs.zs_start_phone_2fa(client, request, out, err)
    end)
    local id = text(zs.zs_session_id(session))
    print(('1. Session %s is %s.'):format(id, text(zs.zs_session_status_text(session))))
    print(('2. Send the user here:\n  %s'):format(text(zs.zs_session_redirect_url(session)) or '-'))

    local options = ffi.new('zs_wait_options', {
        struct_size = ffi.sizeof('zs_wait_options'),
        poll_interval_ms = 1000,
        on_poll = show_progress,
    })
    local function wait(out, err)
        return zs.zs_wait_for_session(client, id, options, out, err)
    end
    jit.off(wait) -- what is compiled cannot be called back from
    local ended = call('zs_session', wait)

    local verified = zs.zs_session_is_verified(ended) ~= 0
    print(('3. The session ended %s: the user %s verified.'):format(
        text(zs.zs_session_status_text(ended)), verified and 'is' or 'is not'))
    return verified
end

if #arg ~= 1 then
    io.stderr:write(('usage: luajit %s PHONE_NUMBER\n'):format(arg[0]))
    os.exit(2)
end
io.stdout:setvbuf('line')
local worked, verified = pcall(check, arg[1])
if not worked then
    local failed = verified
    if type(failed) ~= 'table' then
        error(failed, 0)
    end
    io.stderr:write(failed.result, ': ', failed.message, '\n')
    if failed.in_doubt then
        io.stderr:write('a session may have been opened all the same\n')
    end
end
os.exit(worked and verified and 0 or 1, true)
