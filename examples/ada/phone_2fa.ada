--  Puts one user through the phone check: phone_2fa +46701740605
--
--  The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or
--  ZIGNSEC_ENVIRONMENT.

--  The functions and structs of zignsec.h.
with Ada.Finalization;
with Interfaces.C.Strings;
with System;

package ZignSec is

   pragma Linker_Options ("-lzignsec");

   package Strings renames Interfaces.C.Strings;
   subtype Size is Interfaces.C.size_t;
   subtype Int_32 is Interfaces.Integer_32;
   subtype Unsigned_32 is Interfaces.Unsigned_32;
   subtype Chars is Strings.chars_ptr;
   subtype Pointer is System.Address;

   type Phone_2FA_Request is record
      Struct_Size      : Size  := 0;
      Phone_Number     : Chars    := Strings.Null_Ptr;
      Redirect_Success : Chars    := Strings.Null_Ptr;
      Redirect_Failure : Chars    := Strings.Null_Ptr;
      Locale           : Chars    := Strings.Null_Ptr;
      Relay_State      : Chars    := Strings.Null_Ptr;
      Webhook          : Chars    := Strings.Null_Ptr;
      CSRF_Token       : Chars    := Strings.Null_Ptr;
   end record with Convention => C;

   type Wait_Callback is access function
     (Session : Pointer; Elapsed_Ms : Unsigned_32; User_Data : Pointer) return Int_32
   with Convention => C;

   type Wait_Options is record
      Struct_Size      : Size          := 0;
      Timeout_Ms       : Unsigned_32   := 0;
      Poll_Interval_Ms : Unsigned_32   := 0;
      On_Poll          : Wait_Callback := null;
      User_Data        : Pointer       := System.Null_Address;
   end record with Convention => C;

   function ZS_Client_New
     (Options : Pointer; Client, Error : out Pointer) return Int_32
   with Import, Convention => C;
   function ZS_Start_Phone_2FA
     (Client : Pointer; Request : Phone_2FA_Request; Session, Error : out Pointer)
      return Int_32
   with Import, Convention => C;
   function ZS_Wait_For_Session
     (Client : Pointer; Session_Id : Chars; Options : Wait_Options; Session, Error : out Pointer)
      return Int_32
   with Import, Convention => C;
   procedure ZS_Client_Free (Client : Pointer) with Import, Convention => C;
   function ZS_Session_Id (Session : Pointer) return Chars with Import, Convention => C;
   function ZS_Session_Status_Text (Session : Pointer) return Chars with Import, Convention => C;
   function ZS_Session_Redirect_URL (Session : Pointer) return Chars with Import, Convention => C;
   function ZS_Session_Is_Verified (Session : Pointer) return Int_32
   with Import, Convention => C;
   procedure ZS_Session_Free (Session : Pointer) with Import, Convention => C;
   function ZS_Result_Name (Result : Int_32) return Chars with Import, Convention => C;
   function ZS_Error_Message (Error : Pointer) return Chars with Import, Convention => C;
   function ZS_Error_In_Doubt (Error : Pointer) return Int_32 with Import, Convention => C;
   procedure ZS_Error_Free (Error : Pointer) with Import, Convention => C;

   --  What the library puts into outputs, freed where their scope ends.
   type Object is new Ada.Finalization.Limited_Controlled with record
      Address : Pointer := System.Null_Address;
   end record;
   type Client is new Object with null record;
   overriding procedure Finalize (Self : in out Client);
   type Session is new Object with null record;
   overriding procedure Finalize (Self : in out Session);
   type Error is new Object with null record;
   overriding procedure Finalize (Self : in out Error);

   --  What a C string holds; a hyphen for NULL.
   function Text (Value : Chars) return String;

end ZignSec;

package body ZignSec is

   overriding procedure Finalize (Self : in out Client) is
   begin
      ZS_Client_Free (Self.Address);
   end Finalize;

   overriding procedure Finalize (Self : in out Session) is
   begin
      ZS_Session_Free (Self.Address);
   end Finalize;

   overriding procedure Finalize (Self : in out Error) is
   begin
      ZS_Error_Free (Self.Address);
   end Finalize;

   function Text (Value : Chars) return String is
      use type Chars;
   begin
      return (if Value = Strings.Null_Ptr then "-" else Strings.Value (Value));
   end Text;

end ZignSec;

--  A Wait_Callback. Inside another subprogram it would need a stack that can be executed.
with Ada.Text_IO;
with ZignSec;

function Show_Progress
  (Session : ZignSec.Pointer; Elapsed_Ms : ZignSec.Unsigned_32; User_Data : ZignSec.Pointer)
   return ZignSec.Int_32
with Convention => C;

function Show_Progress
  (Session : ZignSec.Pointer; Elapsed_Ms : ZignSec.Unsigned_32; User_Data : ZignSec.Pointer)
   return ZignSec.Int_32
is
   pragma Unreferenced (User_Data);
begin
   Ada.Text_IO.Put_Line
     ("  " & ZignSec.Text (ZignSec.ZS_Session_Status_Text (Session)) & " after"
      & Elapsed_Ms'Image & " ms");
   Ada.Text_IO.Flush;
   return 0; --  Go on waiting.
exception
   when others =>
      return 1; --  None may pass through the library: it ends the wait.
end Show_Progress;

with Ada.Command_Line;
with Ada.Text_IO;
with Interfaces.C;
with Show_Progress;
with System;
with ZignSec;

procedure Phone_2FA is

   use Ada.Text_IO;
   use Interfaces.C;
   use ZignSec;
   use type ZignSec.Int_32;

   ZignSec_Error : exception;

   --  An exception's message would be cut at 200 characters.
   procedure Check (Result : Int_32; Error : ZignSec.Error) is
   begin
      if Result /= 0 then
         Put_Line
           (Standard_Error,
            Text (ZS_Result_Name (Result)) & ": " & Text (ZS_Error_Message (Error.Address)));
         if ZS_Error_In_Doubt (Error.Address) /= 0 then
            Put_Line (Standard_Error, "a session may have been opened all the same");
         end if;
         raise ZignSec_Error;
      end if;
   end Check;

   function Is_Verified (Phone_Number : String) return Boolean is
      Success : aliased char_array := To_C ("https://my_success_url.com");
      Failure : aliased char_array := To_C ("https://my_failure_url.com");
      Relay   : aliased char_array := To_C ("Tulasi_V5_SMS");
      Phone   : aliased char_array := To_C (Phone_Number);
      Request : constant Phone_2FA_Request :=
        (Struct_Size      => Phone_2FA_Request'Size / 8,
         Phone_Number     => Strings.To_Chars_Ptr (Phone'Unchecked_Access),
         Redirect_Success => Strings.To_Chars_Ptr (Success'Unchecked_Access),
         Redirect_Failure => Strings.To_Chars_Ptr (Failure'Unchecked_Access),
         Relay_State      => Strings.To_Chars_Ptr (Relay'Unchecked_Access),
         others           => Strings.Null_Ptr);
      Options : constant Wait_Options :=
        (Struct_Size      => Wait_Options'Size / 8,
         Poll_Interval_Ms => 1_000,
         On_Poll          => Show_Progress'Access,
         others           => <>);
      Client  : ZignSec.Client;
      Session : ZignSec.Session;
      Ended   : ZignSec.Session;
      Error   : ZignSec.Error;
   begin
      Check (ZS_Client_New (System.Null_Address, Client.Address, Error.Address), Error);
      Check (ZS_Start_Phone_2FA (Client.Address, Request, Session.Address, Error.Address), Error);
      Put_Line ("1. Session " & Text (ZS_Session_Id (Session.Address)) & " is "
                & Text (ZS_Session_Status_Text (Session.Address)) & ".");
      Put_Line ("2. Send the user here:");
      Put_Line ("  " & Text (ZS_Session_Redirect_URL (Session.Address)));
      Flush;

      Check
        (ZS_Wait_For_Session
           (Client.Address, ZS_Session_Id (Session.Address), Options, Ended.Address,
            Error.Address),
         Error);
      return Verified : constant Boolean := ZS_Session_Is_Verified (Ended.Address) /= 0 do
         Put_Line ("3. The session ended " & Text (ZS_Session_Status_Text (Ended.Address))
                   & ": the user " & (if Verified then "is" else "is not") & " verified.");
      end return;
   end Is_Verified;

begin
   if Ada.Command_Line.Argument_Count /= 1 then
      Put_Line (Standard_Error, "usage: phone_2fa PHONE_NUMBER");
      Ada.Command_Line.Set_Exit_Status (2);
   elsif not Is_Verified (Ada.Command_Line.Argument (1)) then
      Ada.Command_Line.Set_Exit_Status (1);
   end if;
exception
   when ZignSec_Error =>
      Ada.Command_Line.Set_Exit_Status (1);
end Phone_2FA;
