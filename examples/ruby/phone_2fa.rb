# Verifies one user by phone: ruby phone_2fa.rb +46701740605
#
# The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
require 'fiddle/import'

# The functions and structs of zignsec.h that this program uses.
module ZS
  extend Fiddle::Importer
  dlload Gem.win_platform? ? 'zignsec-0.1.dll' : 'libzignsec.so.0.1'

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

  extern 'void zs_phone_2fa_request_init(void *request, size_t struct_size)'
  extern 'void zs_wait_options_init(void *options, size_t struct_size)'
  extern 'int32_t zs_client_new(void *options, void *client, void *error)'
  extern 'int32_t zs_start_phone_2fa(void *client, void *request, void *session, void *error)'
  extern 'int32_t zs_wait_for_session(void *client, char *session_id, void *options, void *session, void *error)'
  extern 'void zs_client_free(void *client)'
  extern 'char *zs_session_id(void *session)'
  extern 'char *zs_session_status_text(void *session)'
  extern 'char *zs_session_redirect_url(void *session)'
  extern 'int32_t zs_session_is_verified_for(void *session, char *phone_number)'
  extern 'void zs_session_free(void *session)'
  extern 'char *zs_error_result_name(void *error)'
  extern 'char *zs_error_message(void *error)'
  extern 'void zs_error_free(void *error)'

  SHOW_PROGRESS = bind('int32_t show_progress(void *session, uint32_t elapsed_ms, void *user_data)') do |session, elapsed_ms, _|
    puts "  #{ZS.zs_session_status_text(session)} after #{elapsed_ms} ms"
    0 # continue waiting
  rescue StandardError => e # must not propagate into the library; stop waiting
    warn e.full_message
    1
  end
end

# A failed call.
class ZignSecError < StandardError
  attr_reader :result

  def initialize(error)
    super(ZS.zs_error_message(error).to_s)
    @result = ZS.zs_error_result_name(error).to_s
  end
end

# Calls a function of the library and returns its output, an object. The garbage collector frees the
# object with the function named by free:, unless #call_free already has.
def call(function, *inputs, free:)
  Fiddle::Pointer.malloc(2 * Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE) do |outputs|
    output = outputs
    error = outputs + Fiddle::SIZEOF_VOIDP
    result = ZS.send(function, *inputs, output, error)
    raise ZignSecError, error.ptr unless result.zero?

    Fiddle::Pointer.new(output.ptr.to_i, 0, ZS[free])
  ensure
    ZS.zs_error_free(error.ptr)
  end
end

# Returns a struct in which every option has its default value.
def new_struct(type, init)
  struct = type.malloc(Fiddle::RUBY_FREE)
  ZS.send(init, struct, type.size)
  struct
end

def check(phone_number)
  client = call(:zs_client_new, nil, free: 'zs_client_free')

  strings = {
    phone_number: phone_number,
    redirect_success: 'https://my_success_url.com',
    redirect_failure: 'https://my_failure_url.com',
    relay_state: 'Tulasi_V5_SMS'
  }
  request = new_struct(ZS::Phone2faRequest, :zs_phone_2fa_request_init)
  strings.each { |field, string| request[field.to_s] = string }

  session = call(:zs_start_phone_2fa, client, request, free: 'zs_session_free')
  url = ZS.zs_session_redirect_url(session)
  puts "1. Session #{ZS.zs_session_id(session)} is #{ZS.zs_session_status_text(session)}."
  puts "2. Send the user here:\n  #{url.null? ? '-' : url}"

  wait = new_struct(ZS::WaitOptions, :zs_wait_options_init)
  wait.poll_interval_ms = 1000
  wait.on_poll = ZS::SHOW_PROGRESS.to_i

  ended = call(:zs_wait_for_session, client, ZS.zs_session_id(session), wait, free: 'zs_session_free')
  verified = ZS.zs_session_is_verified_for(ended, phone_number) != 0
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
  exit 1
end
