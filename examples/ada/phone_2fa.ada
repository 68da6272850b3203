--  Verifies one user by phone: phone_2fa +46701740605
--
--  The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or
--  ZIGNSEC_ENVIRONMENT.

--  The functions and structs of zignsec.h that this program uses.
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
      Struct_Size      : Size;
      Phone_Number     : Chars;
      Redirect_Success : Chars;
      Redirect_Failure : Chars;
      Locale           : Chars;
      Relay_State      : Chars;
      Webhook          : Chars;
      CSRF_Token       : Chars;
   end record with Convention => C;

   type Wait_Callback is access function
     (Session : Pointer; Elapsed_Ms : Unsigned_32; User_Data : Pointer) return Int_32
   with Convention => C;

   type Wait_Options is record
      Struct_Size      : Size;
      Timeout_Ms       : Unsigned_32;
      Poll_Interval_Ms : Unsigned_32;
      On_Poll          : Wait_Callback;
      User_Data        : Pointer;
   end record with Convention => C;

   procedure ZS_Phone_2FA_Request_Init (Request : out Phone_2FA_Request; Struct_Size : Size)
   with Import, Convention => C;
   procedure ZS_Wait_Options_Init (Options : out Wait_Options; Struct_Size : Size)
   with Import, Convention => C;
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
   function ZS_Session_Is_Verified_For (Session : Pointer; Phone_Number : Chars) return Int_32
   with Import, Convention => C;
   procedure ZS_Session_Free (Session : Pointer) with Import, Convention => C;
   function ZS_Error_Result_Name (Error : Pointer) return Chars with Import, Convention => C;
   function ZS_Error_Message (Error : Pointer) return Chars with Import, Convention => C;
   procedure ZS_Error_Free (Error : Pointer) with Import, Convention => C;

   --  An object of the library. It is freed at the end of its scope.
   type Object is new Ada.Finalization.Limited_Controlled with record
      Address : Pointer := System.Null_Address;
   end record;
   type Client is new Object with null record;
   overriding procedure Finalize (Self : in out Client);
   type Session is new Object with null record;
   overriding procedure Finalize (Self : in out Session);
   type Error is new Object with null record;
   overriding procedure Finalize (Self : in out Error);

   --  The text of a C string; a hyphen for NULL.
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

--  A Wait_Callback, called after each poll. It is a library-level unit, because a nested subprogram
--  as a callback needs an executable stack.
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
   return 0; --  Continue waiting.
exception
   when others =>
      return 1; --  An exception must not propagate into the library. Stop waiting.
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

   --  Prints the error here, because an exception message is limited to 200 characters.
   procedure Check (Result : Int_32; Error : ZignSec.Error) is
   begin
      if Result /= 0 then
         Put_Line
           (Standard_Error,
            Text (ZS_Error_Result_Name (Error.Address)) & ": "
            & Text (ZS_Error_Message (Error.Address)));
         raise ZignSec_Error;
      end if;
   end Check;

   function Is_Verified (Phone_Number : String) return Boolean is
      Success : aliased char_array := To_C ("https://my_success_url.com");
      Failure : aliased char_array := To_C ("https://my_failure_url.com");
      Relay   : aliased char_array := To_C ("Tulasi_V5_SMS");
      Phone   : aliased char_array := To_C (Phone_Number);
      Request : Phone_2FA_Request;
      Options : Wait_Options;
      Client  : ZignSec.Client;
      Session : ZignSec.Session;
      Ended   : ZignSec.Session;
      Error   : ZignSec.Error;
   begin
      Check (ZS_Client_New (System.Null_Address, Client.Address, Error.Address), Error);

      ZS_Phone_2FA_Request_Init (Request, Phone_2FA_Request'Size / 8);
      Request.Phone_Number     := Strings.To_Chars_Ptr (Phone'Unchecked_Access);
      Request.Redirect_Success := Strings.To_Chars_Ptr (Success'Unchecked_Access);
      Request.Redirect_Failure := Strings.To_Chars_Ptr (Failure'Unchecked_Access);
      Request.Relay_State      := Strings.To_Chars_Ptr (Relay'Unchecked_Access);
      Check (ZS_Start_Phone_2FA (Client.Address, Request, Session.Address, Error.Address), Error);
      Put_Line ("1. Session " & Text (ZS_Session_Id (Session.Address)) & " is "
                & Text (ZS_Session_Status_Text (Session.Address)) & ".");
      Put_Line ("2. Send the user here:");
      Put_Line ("  " & Text (ZS_Session_Redirect_URL (Session.Address)));
      Flush;

      ZS_Wait_Options_Init (Options, Wait_Options'Size / 8);
      Options.Poll_Interval_Ms := 1_000;
      Options.On_Poll          := Show_Progress'Access;
      Check
        (ZS_Wait_For_Session
           (Client.Address, ZS_Session_Id (Session.Address), Options, Ended.Address,
            Error.Address),
         Error);
      return Verified : constant Boolean :=
        ZS_Session_Is_Verified_For (Ended.Address, Request.Phone_Number) /= 0
      do
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
