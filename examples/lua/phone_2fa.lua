-- Verifies one user by phone: luajit phone_2fa.lua +46701740605
--
-- The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
local ffi = require 'ffi'

-- zignsec.cdef contains the declarations of zignsec.h. It is read from the folder of this program.
local folder = arg[0]:match('^.*/') or ''
ffi.cdef(assert(io.open(folder .. 'zignsec.cdef')):read('*a'))
local zs = ffi.load(ffi.os == 'Windows' and 'zignsec-0.1.dll' or 'libzignsec.so.0.1')

-- The text of a C string; nil for NULL.
local function text(chars)
    return chars ~= nil and ffi.string(chars) or nil
end

-- Returns a struct in which every option has its default value.
local function new_struct(type)
    local struct = ffi.new(type)
    zs[type .. '_init'](struct, ffi.sizeof(struct))
    return struct
end

-- Calls func and returns its output: an object of this type. The garbage collector frees it.
local function call(type, func)
    local output = ffi.new(type .. ' *[1]')
    local err = ffi.new('zs_error *[1]')
    local result = func(output, err)
    if result ~= zs.ZS_OK then
        local failure = {
            result = text(zs.zs_error_result_name(err[0])),
            message = text(zs.zs_error_message(err[0])),
        }
        zs.zs_error_free(err[0])
        error(failure)
    end
    return ffi.gc(output[0], zs[type .. '_free'])
end

-- Called after each poll. An error must not propagate into the library, so it stops the wait. The
-- callback is created once: LuaJIT has a limited number of callbacks and never frees them.
local show_progress = ffi.cast('zs_wait_callback', function(session, elapsed_ms)
    local succeeded, failure = pcall(function()
        print(('  %s after %d ms'):format(text(zs.zs_session_status_text(session)), elapsed_ms))
    end)
    if not succeeded then
        io.stderr:write(failure, '\n')
    end
    return succeeded and 0 or 1
end)

local function check(phone_number)
    local client = call('zs_client', function(out, err)
        return zs.zs_client_new(nil, out, err)
    end)

    local request = new_struct('zs_phone_2fa_request')
    request.phone_number = phone_number
    request.redirect_success = 'https://my_success_url.com'
    request.redirect_failure = 'https://my_failure_url.com'
    request.relay_state = 'Tulasi_V5_SMS'
    local session = call('zs_session', function(out, err)
        return zs.zs_start_phone_2fa(client, request, out, err)
    end)
    local id = text(zs.zs_session_id(session))
    print(('1. Session %s is %s.'):format(id, text(zs.zs_session_status_text(session))))
    print(('2. Send the user here:\n  %s'):format(text(zs.zs_session_redirect_url(session)) or '-'))

    local options = new_struct('zs_wait_options')
    options.poll_interval_ms = 1000
    options.on_poll = show_progress
    local function wait(out, err)
        return zs.zs_wait_for_session(client, id, options, out, err)
    end
    jit.off(wait) -- a compiled function cannot run a callback
    local ended = call('zs_session', wait)

    local verified = zs.zs_session_is_verified_for(ended, phone_number) ~= 0
    print(('3. The session ended %s: the user %s verified.'):format(
        text(zs.zs_session_status_text(ended)), verified and 'is' or 'is not'))
    return verified
end

if #arg ~= 1 then
    io.stderr:write(('usage: luajit %s PHONE_NUMBER\n'):format(arg[0]))
    os.exit(2)
end
io.stdout:setvbuf('line')
local succeeded, verified = pcall(check, arg[1])
if not succeeded then
    local failure = verified
    if type(failure) ~= 'table' then
        error(failure, 0)
    end
    io.stderr:write(failure.result, ': ', failure.message, '\n')
end
os.exit(succeeded and verified and 0 or 1, true)
