{ Verifies one user by phone: phone_2fa +46701740605

  The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT. }
program phone_2fa;

{$mode objfpc}{$H+}{$packrecords C}

uses
  CTypes, SysUtils;

const
  LibZignSec = {$ifdef windows} 'zignsec-0.1.dll' {$else} 'zignsec' {$endif};

{ The functions and structs of zignsec.h that this program uses. }
type
  PZsClient = ^TZsClient;
  TZsClient = record end;
  PZsSession = ^TZsSession;
  TZsSession = record end;
  PZsError = ^TZsError;
  TZsError = record end;

  TZsPhone2faRequest = record
    struct_size: csize_t;
    phone_number, redirect_success, redirect_failure: PAnsiChar;
    locale, relay_state, webhook, csrf_token: PAnsiChar;
  end;

  TZsWaitCallback = function(session: PZsSession; elapsed_ms: cuint32; user_data: Pointer): cint32; cdecl;

  TZsWaitOptions = record
    struct_size: csize_t;
    timeout_ms, poll_interval_ms: cuint32;
    on_poll: TZsWaitCallback;
    user_data: Pointer;
  end;

procedure zs_phone_2fa_request_init(out request: TZsPhone2faRequest; struct_size: csize_t); cdecl; external LibZignSec;
procedure zs_wait_options_init(out options: TZsWaitOptions; struct_size: csize_t); cdecl; external LibZignSec;
function zs_client_new(options: Pointer; out client: PZsClient; out error: PZsError): cint32; cdecl; external LibZignSec;
function zs_start_phone_2fa(client: PZsClient; constref request: TZsPhone2faRequest;
  out session: PZsSession; out error: PZsError): cint32; cdecl; external LibZignSec;
function zs_wait_for_session(client: PZsClient; session_id: PAnsiChar; constref options: TZsWaitOptions;
  out session: PZsSession; out error: PZsError): cint32; cdecl; external LibZignSec;
procedure zs_client_free(client: PZsClient); cdecl; external LibZignSec;
function zs_session_id(session: PZsSession): PAnsiChar; cdecl; external LibZignSec;
function zs_session_status_text(session: PZsSession): PAnsiChar; cdecl; external LibZignSec;
function zs_session_redirect_url(session: PZsSession): PAnsiChar; cdecl; external LibZignSec;
function zs_session_is_verified_for(session: PZsSession; phone_number: PAnsiChar): cint32; cdecl; external LibZignSec;
procedure zs_session_free(session: PZsSession); cdecl; external LibZignSec;
function zs_error_result_name(error: PZsError): PAnsiChar; cdecl; external LibZignSec;
function zs_error_message(error: PZsError): PAnsiChar; cdecl; external LibZignSec;
procedure zs_error_free(error: PZsError); cdecl; external LibZignSec;

type
  EZignSec = class(Exception);

procedure Check(code: cint32; error: PZsError);
var
  message: string;
begin
  if code = 0 then
    Exit;
  message := Format('%s: %s', [zs_error_result_name(error), zs_error_message(error)]);
  zs_error_free(error);
  raise EZignSec.Create(message);
end;

function ShowProgress(session: PZsSession; elapsed_ms: cuint32; user_data: Pointer): cint32; cdecl;
begin
  try
    WriteLn('  ', zs_session_status_text(session), ' after ', elapsed_ms, ' ms');
    Flush(Output);
    Result := 0; { continue waiting }
  except
    Result := 1; { an exception must not propagate into the library; stop waiting }
  end;
end;

function IsVerified(const PhoneNumber: string): Boolean;
const
  Verdicts: array[Boolean] of string = ('is not', 'is');
var
  client: PZsClient = nil;
  session: PZsSession = nil;
  ended: PZsSession = nil;
  error: PZsError;
  request: TZsPhone2faRequest;
  options: TZsWaitOptions;
  url: string;
begin
  zs_phone_2fa_request_init(request, SizeOf(request));
  request.phone_number := PAnsiChar(PhoneNumber);
  request.redirect_success := 'https://my_success_url.com';
  request.redirect_failure := 'https://my_failure_url.com';
  request.relay_state := 'Tulasi_V5_SMS';

  zs_wait_options_init(options, SizeOf(options));
  options.poll_interval_ms := 1000;
  options.on_poll := @ShowProgress;

  try
    Check(zs_client_new(nil, client, error), error);
    Check(zs_start_phone_2fa(client, request, session, error), error);
    url := zs_session_redirect_url(session); { NULL becomes an empty string }
    if url = '' then
      url := '-';
    WriteLn('1. Session ', zs_session_id(session), ' is ', zs_session_status_text(session), '.');
    WriteLn('2. Send the user here:', LineEnding, '  ', url);
    Flush(Output);

    Check(zs_wait_for_session(client, zs_session_id(session), options, ended, error), error);
    Result := zs_session_is_verified_for(ended, PAnsiChar(PhoneNumber)) <> 0;
    WriteLn('3. The session ended ', zs_session_status_text(ended), ': the user ',
      Verdicts[Result], ' verified.');
  finally
    zs_session_free(ended);
    zs_session_free(session);
    zs_client_free(client);
  end;
end;

begin
  if ParamCount <> 1 then
  begin
    WriteLn(StdErr, 'usage: phone_2fa PHONE_NUMBER');
    Halt(2);
  end;
  try
    if not IsVerified(ParamStr(1)) then
      ExitCode := 1;
  except
    on error: EZignSec do
    begin
      WriteLn(StdErr, error.Message);
      ExitCode := 1;
    end;
  end;
end.
