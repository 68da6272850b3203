# Puts one user through the phone check: ruby phone_2fa.rb +46701740605
#
# The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
require 'fiddle/import'

# The functions and structs of zignsec.h.
module ZS
  extend Fiddle::Importer
  dlload 'libzignsec.so.0.1'

  Phone2faRequest = struct [
    'size_t struct_size',
    'const char *phone_number',
    'const char *redirect_success',
    'const char *redirect_failure',
    'const char *locale',
    'const char *relay_state',
    'const char *webhook',
    'const char *csrf_token'
  ]
  WaitOptions = struct [
    'size_t struct_size',
    'uint32_t timeout_ms',
    'uint32_t poll_interval_ms',
    'void *on_poll',
    'void *user_data'
  ]

  extern 'int32_t zs_client_new(void *options, void *client, void *error)'
  extern 'int32_t zs_start_phone_2fa(void *client, void *request, void *session, void *error)'
  extern 'int32_t zs_wait_for_session(void *client, char *session_id, void *options, void *session, void *error)'
  extern 'void zs_client_free(void *client)'
  extern 'char *zs_session_id(void *session)'
  extern 'char *zs_session_status_text(void *session)'
  extern 'char *zs_session_redirect_url(void *session)'
  extern 'int32_t zs_session_is_verified(void *session)'
  extern 'void zs_session_free(void *session)'
  extern 'char *zs_result_name(int32_t result)'
  extern 'char *zs_error_message(void *error)'
  extern 'int32_t zs_error_in_doubt(void *error)'
  extern 'void zs_error_free(void *error)'

  SHOW_PROGRESS = bind('int32_t show_progress(void *session, uint32_t elapsed_ms, void *user_data)') do |session, elapsed_ms, _|
    puts "  #{ZS.zs_session_status_text(session)} after #{elapsed_ms} ms"
    0 # go on waiting
  rescue StandardError => e # must not pass through the library: it ends the wait
    warn e.full_message
    1
  end
end

# A failed call.
class ZignSecError < StandardError
  attr_reader :result, :in_doubt

  def initialize(result, error)
    super(ZS.zs_error_message(error).to_s)
    @result = ZS.zs_result_name(result).to_s
    @in_doubt = ZS.zs_error_in_doubt(error) != 0
  end
end

# Calls a function of the library and gives what it puts into its output. The garbage collector
# frees that with the function that is named, if #call_free has not done so.
def call(function, *inputs, free:)
  Fiddle::Pointer.malloc(2 * Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE) do |outputs|
    output = outputs
    error = outputs + Fiddle::SIZEOF_VOIDP
    result = ZS.send(function, *inputs, output, error)
    raise ZignSecError.new(result, error.ptr) unless result.zero?

    Fiddle::Pointer.new(output.ptr.to_i, 0, ZS[free])
  ensure
    ZS.zs_error_free(error.ptr)
  end
end

def check(phone_number)
  client = call(:zs_client_new, nil, free: 'zs_client_free')

  strings = {
    phone_number: phone_number,
    redirect_success: 'https://my_success_url.com',
    redirect_failure: 'https://my_failure_url.com',
    relay_state: 'Tulasi_V5_SMS'
  }
  request = ZS::Phone2faRequest.malloc(Fiddle::RUBY_FREE)
  request.struct_size = ZS::Phone2faRequest.size
  strings.each { |field, string| request[field.to_s] = string }

  session = call(:zs_start_phone_2fa, client, request, free: 'zs_session_free')
  url = ZS.zs_session_redirect_url(session)
  puts "1. Session #{ZS.zs_session_id(session)} is #{ZS.zs_session_status_text(session)}."
  puts "2. Send the user here:\n  #{url.null? ? '-' : url}"

  wait = ZS::WaitOptions.malloc(Fiddle::RUBY_FREE)
  wait.struct_size = ZS::WaitOptions.size
  wait.poll_interval_ms = 1000
  wait.on_poll = ZS::SHOW_PROGRESS.to_i

  ended = call(:zs_wait_for_session, client, ZS.zs_session_id(session), wait, free: 'zs_session_free')
  verified = ZS.zs_session_is_verified(ended) != 0
  puts "3. The session ended #{ZS.zs_session_status_text(ended)}: the user #{verified ? 'is' : 'is not'} verified."
  verified
ensure
  [ended, session, client].compact.each(&:call_free)
end

abort "usage: ruby #{$PROGRAM_NAME} PHONE_NUMBER" if ARGV.length != 1
$stdout.sync = true
begin
  exit check(ARGV[0])
rescue ZignSecError => e
  warn "#{e.result}: #{e.message}"
  warn 'a session may have been opened all the same' if e.in_doubt
  exit 1
end
