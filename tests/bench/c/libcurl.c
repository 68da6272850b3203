/* libcurl's easy interface and cJSON, as a C program would use them. */
#include "client.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>

struct text {
    char *bytes;
    size_t length, room;
};

static CURL *curl;
static struct curl_slist *get_headers, *post_headers;
static char base_url[256];
static struct text response;

static size_t append(char *bytes, size_t size, size_t count, void *user_data) {
    struct text *text = user_data;
    const size_t length = size * count;
    if (text->length + length + 1 > text->room) {
        text->room = (text->length + length + 1) * 2;
        text->bytes = realloc(text->bytes, text->room);
        expect(text->bytes != NULL, "memory");
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
    return length;
}

void client_open(const char *url, const char *ca_file) {
    expect(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "curl_global_init");
    snprintf(base_url, sizeof base_url, "%s", url);
    curl = curl_easy_init();
    expect(curl != NULL, "curl_easy_init");
    get_headers = curl_slist_append(NULL, "accept: application/json");
    get_headers = curl_slist_append(get_headers, "authorization: " KEY);
    post_headers = curl_slist_append(NULL, "accept: application/json");
    post_headers = curl_slist_append(post_headers, "authorization: " KEY);
    post_headers = curl_slist_append(post_headers, "content-type: application/json");
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
}

/* Sends the request. Returns `data` of the response, and the whole response to free. */
static cJSON *perform(cJSON **whole) {
    response.length = 0;
    const CURLcode code = curl_easy_perform(curl);
    expect(code == CURLE_OK, curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    expect(status == 200, "200");
    *whole = cJSON_ParseWithLength(response.bytes, response.length);
    expect(*whole != NULL, "JSON");
    return cJSON_GetObjectItemCaseSensitive(*whole, "data");
}

static const char *text_of(const cJSON *data, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, name));
}

void client_get(const char *id) {
    char url[512];
    snprintf(url, sizeof url, "%s/core/api/sessions/%s", base_url, id);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, get_headers);
    cJSON *whole;
    const cJSON *data = perform(&whole);
    check_looked_up(id, text_of(data, "id"), text_of(data, "status"),
                    text_of(data, "phone_number"));
    cJSON_Delete(whole);
}

void client_post(void) {
    cJSON *request = cJSON_CreateObject(), *metadata = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "locale", "En");
    cJSON_AddStringToObject(metadata, "phone_number", PHONE_NUMBER);
    cJSON_AddItemToObject(request, "metadata", metadata);
    cJSON_AddStringToObject(request, "redirect_failure", REDIRECT_FAILURE);
    cJSON_AddStringToObject(request, "redirect_success", REDIRECT_SUCCESS);
    cJSON_AddStringToObject(request, "relay_state", RELAY_STATE);
    cJSON_AddStringToObject(request, "webhook", WEBHOOK);
    char *body = cJSON_PrintUnformatted(request);
    expect(body != NULL, "memory");

    char url[512];
    snprintf(url, sizeof url, "%s/core/api/sessions/two_factor_auth/phone", base_url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, post_headers);
    cJSON *whole;
    const cJSON *data = perform(&whole);
    check_started(text_of(data, "id"), text_of(data, "status"), text_of(data, "redirect_url"));
    cJSON_Delete(whole);
    cJSON_free(body);
    cJSON_Delete(request);
}

void client_close(void) {
    curl_slist_free_all(get_headers);
    curl_slist_free_all(post_headers);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    free(response.bytes);
}
