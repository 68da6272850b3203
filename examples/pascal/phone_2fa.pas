{ Puts one user through the phone check: phone_2fa +46701740605

  The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT. }
program phone_2fa;

{$mode objfpc}{$H+}{$packrecords C}

uses
  CTypes, SysUtils;

const
  LibZignSec = 'zignsec';

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

function zs_client_new(options: Pointer; out client: PZsClient; out error: PZsError): cint32; cdecl; external LibZignSec;
function zs_start_phone_2fa(client: PZsClient; constref request: TZsPhone2faRequest;
  out session: PZsSession; out error: PZsError): cint32; cdecl; external LibZignSec;
function zs_wait_for_session(client: PZsClient; session_id: PAnsiChar; constref options: TZsWaitOptions;
  out session: PZsSession; out error: PZsError): cint32; cdecl; external LibZignSec;
procedure zs_client_free(client: PZsClient); cdecl; external LibZignSec;
function zs_session_id(session: PZsSession): PAnsiChar; cdecl; external LibZignSec;
function zs_session_status_text(session: PZsSession): PAnsiChar; cdecl; external LibZignSec;
function zs_session_redirect_url(session: PZsSession): PAnsiChar; cdecl; external LibZignSec;
function zs_session_is_verified(session: PZsSession): cint32; cdecl; external LibZignSec;
procedure zs_session_free(session: PZsSession); cdecl; external LibZignSec;
function zs_result_name(code: cint32): PAnsiChar; cdecl; external LibZignSec;
function zs_error_message(error: PZsError): PAnsiChar; cdecl; external LibZignSec;
function zs_error_in_doubt(error: PZsError): cint32; cdecl; external LibZignSec;
procedure zs_error_free(error: PZsError); cdecl; external LibZignSec;

type
  EZignSec = class(Exception)
    InDoubt: Boolean;
  end;

procedure Check(code: cint32; error: PZsError);
var
  failed: EZignSec;
begin
  if code = 0 then
    Exit;
  failed := EZignSec.CreateFmt('%s: %s', [zs_result_name(code), zs_error_message(error)]);
  failed.InDoubt := zs_error_in_doubt(error) <> 0;
  zs_error_free(error);
  raise failed;
end;

function ShowProgress(session: PZsSession; elapsed_ms: cuint32; user_data: Pointer): cint32; cdecl;
begin
  try
    WriteLn('  ', zs_session_status_text(session), ' after ', elapsed_ms, ' ms');
    Flush(Output);
    Result := 0; { go on waiting }
  except
    Result := 1; { an exception must not pass through the library: it ends the wait }
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
  request := Default(TZsPhone2faRequest);
  request.struct_size := SizeOf(request);
  request.phone_number := PAnsiChar(PhoneNumber);
  request.redirect_success := 'https://my_success_url.com';
  request.redirect_failure := 'https://my_failure_url.com';
  request.relay_state := 'Tulasi_V5_SMS';

  options := Default(TZsWaitOptions);
  options.struct_size := SizeOf(options);
  options.poll_interval_ms := 1000;
  options.on_poll := @ShowProgress;

  try
    Check(zs_client_new(nil, client, error), error);
    Check(zs_start_phone_2fa(client, request, session, error), error);
    url := zs_session_redirect_url(session); { NULL is the empty string }
    if url = '' then
      url := '-';
    WriteLn('1. Session ', zs_session_id(session), ' is ', zs_session_status_text(session), '.');
    WriteLn('2. Send the user here:', LineEnding, '  ', url);
    Flush(Output);

    Check(zs_wait_for_session(client, zs_session_id(session), options, ended, error), error);
    Result := zs_session_is_verified(ended) <> 0;
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
    on failed: EZignSec do
    begin
      WriteLn(StdErr, failed.Message);
      if failed.InDoubt then
        WriteLn(StdErr, 'a session may have been opened all the same');
      ExitCode := 1;
    end;
  end;
end.
