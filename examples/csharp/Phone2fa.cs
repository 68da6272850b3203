// Verifies one user by phone: Phone2fa.exe +46701740605
//
// The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
using System;
using System.Runtime.InteropServices;

// The functions and structs of zignsec.h that this program uses.
static class Native
{
#if WINDOWS
    const string Library = "zignsec-0.1.dll";
#else
    const string Library = "libzignsec.so.0.1";
#endif

    [StructLayout(LayoutKind.Sequential)]
    public struct Phone2faRequest
    {
        public UIntPtr StructSize;
        [MarshalAs(UnmanagedType.LPUTF8Str)] public string PhoneNumber;
        [MarshalAs(UnmanagedType.LPUTF8Str)] public string RedirectSuccess;
        [MarshalAs(UnmanagedType.LPUTF8Str)] public string RedirectFailure;
        [MarshalAs(UnmanagedType.LPUTF8Str)] public string Locale;
        [MarshalAs(UnmanagedType.LPUTF8Str)] public string RelayState;
        [MarshalAs(UnmanagedType.LPUTF8Str)] public string Webhook;
        [MarshalAs(UnmanagedType.LPUTF8Str)] public string CsrfToken;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate int WaitCallback(IntPtr session, uint elapsedMs, IntPtr userData);

    [StructLayout(LayoutKind.Sequential)]
    public struct WaitOptions
    {
        public UIntPtr StructSize;
        public uint TimeoutMs;
        public uint PollIntervalMs;
        public WaitCallback OnPoll;
        public IntPtr UserData;
    }

    // An object of the library. If it was not disposed, its finalizer frees it, but never during a call.
    public abstract class Handle : SafeHandle
    {
        protected Handle() : base(IntPtr.Zero, true) { }
        public override bool IsInvalid => handle == IntPtr.Zero;
    }

    public sealed class Client : Handle
    {
        protected override bool ReleaseHandle() { zs_client_free(handle); return true; }
    }

    public sealed class Session : Handle
    {
        protected override bool ReleaseHandle() { zs_session_free(handle); return true; }
    }

    public sealed class Error : Handle
    {
        protected override bool ReleaseHandle() { zs_error_free(handle); return true; }
    }

    [DllImport(Library)] public static extern void zs_phone_2fa_request_init(
        out Phone2faRequest request, UIntPtr structSize);
    [DllImport(Library)] public static extern void zs_wait_options_init(
        out WaitOptions options, UIntPtr structSize);
    [DllImport(Library)] public static extern int zs_client_new(
        IntPtr options, out Client client, out Error error);
    [DllImport(Library)] public static extern int zs_start_phone_2fa(
        Client client, ref Phone2faRequest request, out Session session, out Error error);
    [DllImport(Library)] public static extern int zs_wait_for_session(
        Client client, IntPtr sessionId, ref WaitOptions options, out Session session, out Error error);
    [DllImport(Library)] public static extern IntPtr zs_session_id(Session session);
    [DllImport(Library)] public static extern IntPtr zs_session_status_text(Session session);
    [DllImport(Library)] public static extern IntPtr zs_session_status_text(IntPtr session);
    [DllImport(Library)] public static extern IntPtr zs_session_redirect_url(Session session);
    [DllImport(Library)] public static extern int zs_session_is_verified_for(
        Session session, [MarshalAs(UnmanagedType.LPUTF8Str)] string phoneNumber);
    [DllImport(Library)] public static extern IntPtr zs_error_result_name(Error error);
    [DllImport(Library)] public static extern IntPtr zs_error_message(Error error);
    [DllImport(Library)] static extern void zs_client_free(IntPtr client);
    [DllImport(Library)] static extern void zs_session_free(IntPtr session);
    [DllImport(Library)] static extern void zs_error_free(IntPtr error);

    // Copies a string of the library. The runtime would free a return value of type string.
    public static string Text(IntPtr utf8) => Marshal.PtrToStringUTF8(utf8);
}

class ZignSecException : Exception
{
    public readonly string Result;

    ZignSecException(Native.Error error) : base(Native.Text(Native.zs_error_message(error)))
    {
        Result = Native.Text(Native.zs_error_result_name(error));
    }

    public static void ThrowIfFailed(int result, Native.Error error)
    {
        using (error)
        {
            if (result != 0) throw new ZignSecException(error);
        }
    }
}

static class Phone2fa
{
    static int ShowProgress(IntPtr session, uint elapsedMs, IntPtr userData)
    {
        try
        {
            var status = Native.Text(Native.zs_session_status_text(session));
            Console.WriteLine($"  {status} after {elapsedMs} ms");
            return 0; // continue waiting
        }
        catch (Exception error) // must not propagate into the library; stop waiting
        {
            Console.Error.WriteLine(error);
            return 1;
        }
    }

    static bool Check(string phoneNumber)
    {
        Native.zs_phone_2fa_request_init(
            out var request, (UIntPtr)Marshal.SizeOf<Native.Phone2faRequest>());
        request.PhoneNumber = phoneNumber;
        request.RedirectSuccess = "https://my_success_url.com";
        request.RedirectFailure = "https://my_failure_url.com";
        request.RelayState = "Tulasi_V5_SMS";

        Native.zs_wait_options_init(out var wait, (UIntPtr)Marshal.SizeOf<Native.WaitOptions>());
        wait.PollIntervalMs = 1000;
        wait.OnPoll = ShowProgress;

        var result = Native.zs_client_new(IntPtr.Zero, out var client, out var error);
        using (client)
        {
            ZignSecException.ThrowIfFailed(result, error);
            result = Native.zs_start_phone_2fa(client, ref request, out var session, out error);
            using (session)
            {
                ZignSecException.ThrowIfFailed(result, error);
                var id = Native.zs_session_id(session);
                var status = Native.Text(Native.zs_session_status_text(session));
                var url = Native.Text(Native.zs_session_redirect_url(session)) ?? "-";
                Console.WriteLine($"1. Session {Native.Text(id)} is {status}.");
                Console.WriteLine($"2. Send the user here:\n  {url}");

                result = Native.zs_wait_for_session(client, id, ref wait, out var ended, out error);
                GC.KeepAlive(wait.OnPoll);
                using (ended)
                {
                    ZignSecException.ThrowIfFailed(result, error);
                    status = Native.Text(Native.zs_session_status_text(ended));
                    var verified = Native.zs_session_is_verified_for(ended, phoneNumber) != 0;
                    Console.WriteLine(
                        $"3. The session ended {status}: the user {(verified ? "is" : "is not")} verified.");
                    return verified;
                }
            }
        }
    }

    static int Main(string[] arguments)
    {
        if (arguments.Length != 1)
        {
            Console.Error.WriteLine("usage: Phone2fa.exe PHONE_NUMBER");
            return 2;
        }
        try
        {
            return Check(arguments[0]) ? 0 : 1;
        }
        catch (ZignSecException error)
        {
            Console.Error.WriteLine($"{error.Result}: {error.Message}");
            return 1;
        }
    }
}
