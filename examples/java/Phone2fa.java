// Verifies one user by phone: java Phone2fa +46701740605
//
// The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.

import com.sun.jna.Callback;
import com.sun.jna.IntegerType;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;

/** The functions and structs of zignsec.h that this program uses. */
interface ZignSec extends Library {
    ZignSec ZS = Native.load(
            Platform.isWindows() ? "zignsec-0.1.dll" : "libzignsec.so.0.1",
            ZignSec.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));

    class SizeT extends IntegerType {
        public SizeT() {
            this(0);
        }

        SizeT(long value) {
            super(Native.SIZE_T_SIZE, value, true);
        }
    }

    @Structure.FieldOrder({"struct_size", "phone_number", "redirect_success", "redirect_failure",
            "locale", "relay_state", "webhook", "csrf_token"})
    class Phone2faRequest extends Structure {
        public SizeT struct_size;
        public String phone_number;
        public String redirect_success;
        public String redirect_failure;
        public String locale;
        public String relay_state;
        public String webhook;
        public String csrf_token;
    }

    interface WaitCallback extends Callback {
        int onPoll(Pointer session, int elapsedMs, Pointer userData);
    }

    @Structure.FieldOrder({"struct_size", "timeout_ms", "poll_interval_ms", "on_poll", "user_data"})
    class WaitOptions extends Structure {
        public SizeT struct_size;
        public int timeout_ms;
        public int poll_interval_ms;
        public WaitCallback on_poll;
        public Pointer user_data;
    }

    void zs_phone_2fa_request_init(Phone2faRequest request, SizeT structSize);
    void zs_wait_options_init(WaitOptions options, SizeT structSize);
    int zs_client_new(Pointer options, PointerByReference client, PointerByReference error);
    int zs_start_phone_2fa(Pointer client, Phone2faRequest request, PointerByReference session,
            PointerByReference error);
    int zs_wait_for_session(Pointer client, String sessionId, WaitOptions options,
            PointerByReference session, PointerByReference error);
    void zs_client_free(Pointer client);
    String zs_session_id(Pointer session);
    String zs_session_status_text(Pointer session);
    String zs_session_redirect_url(Pointer session);
    int zs_session_is_verified_for(Pointer session, String phoneNumber);
    void zs_session_free(Pointer session);
    String zs_error_result_name(Pointer error);
    String zs_error_message(Pointer error);
    void zs_error_free(Pointer error);
}

class ZignSecException extends Exception {
    final String result;

    private ZignSecException(Pointer error) {
        super(ZignSec.ZS.zs_error_message(error));
        this.result = ZignSec.ZS.zs_error_result_name(error);
    }

    /** Returns the object that a call wrote to {@code out}; throws if the call failed. */
    static Pointer check(int result, PointerByReference out, PointerByReference error)
            throws ZignSecException {
        if (result == 0) {
            return out.getValue();
        }
        try {
            throw new ZignSecException(error.getValue());
        } finally {
            ZignSec.ZS.zs_error_free(error.getValue());
        }
    }
}

record Client(Pointer pointer) implements AutoCloseable {
    static Client fromEnvironment() throws ZignSecException {
        var client = new PointerByReference();
        var error = new PointerByReference();
        int result = ZignSec.ZS.zs_client_new(null, client, error);
        return new Client(ZignSecException.check(result, client, error));
    }

    Session start(ZignSec.Phone2faRequest request) throws ZignSecException {
        var session = new PointerByReference();
        var error = new PointerByReference();
        int result = ZignSec.ZS.zs_start_phone_2fa(pointer, request, session, error);
        return new Session(ZignSecException.check(result, session, error));
    }

    Session waitFor(String sessionId, ZignSec.WaitOptions options) throws ZignSecException {
        var session = new PointerByReference();
        var error = new PointerByReference();
        int result = ZignSec.ZS.zs_wait_for_session(pointer, sessionId, options, session, error);
        return new Session(ZignSecException.check(result, session, error));
    }

    @Override
    public void close() {
        ZignSec.ZS.zs_client_free(pointer);
    }
}

record Session(Pointer pointer) implements AutoCloseable {
    String id() {
        return ZignSec.ZS.zs_session_id(pointer);
    }

    String statusText() {
        return ZignSec.ZS.zs_session_status_text(pointer);
    }

    String redirectUrl() {
        return ZignSec.ZS.zs_session_redirect_url(pointer);
    }

    boolean isVerifiedFor(String phoneNumber) {
        return ZignSec.ZS.zs_session_is_verified_for(pointer, phoneNumber) != 0;
    }

    @Override
    public void close() {
        ZignSec.ZS.zs_session_free(pointer);
    }
}

public final class Phone2fa {
    private static int showProgress(Pointer session, int elapsedMs, Pointer userData) {
        System.out.printf("  %s after %s ms%n", ZignSec.ZS.zs_session_status_text(session),
                Integer.toUnsignedString(elapsedMs));
        return 0; // continue waiting
    }

    private static boolean check(String phoneNumber) throws ZignSecException {
        var request = new ZignSec.Phone2faRequest();
        ZignSec.ZS.zs_phone_2fa_request_init(request, new ZignSec.SizeT(request.size()));
        request.phone_number = phoneNumber;
        request.redirect_success = "https://my_success_url.com";
        request.redirect_failure = "https://my_failure_url.com";
        request.relay_state = "Tulasi_V5_SMS";

        var options = new ZignSec.WaitOptions();
        ZignSec.ZS.zs_wait_options_init(options, new ZignSec.SizeT(options.size()));
        options.poll_interval_ms = 1000;
        options.on_poll = Phone2fa::showProgress;

        try (var client = Client.fromEnvironment(); var session = client.start(request)) {
            String url = session.redirectUrl();
            System.out.printf("1. Session %s is %s.%n", session.id(), session.statusText());
            System.out.printf("2. Send the user here:%n  %s%n", url != null ? url : "-");

            try (var ended = client.waitFor(session.id(), options)) {
                boolean verified = ended.isVerifiedFor(phoneNumber);
                System.out.printf("3. The session ended %s: the user %s verified.%n",
                        ended.statusText(), verified ? "is" : "is not");
                return verified;
            }
        }
    }

    public static void main(String[] arguments) {
        if (arguments.length != 1) {
            System.err.println("usage: java Phone2fa PHONE_NUMBER");
            System.exit(2);
        }
        try {
            System.exit(check(arguments[0]) ? 0 : 1);
        } catch (ZignSecException error) {
            System.err.println(error.result + ": " + error.getMessage());
            System.exit(1);
        }
    }
}
