// A reverse proxy of Go over TLS: reverse_proxy PORT GATEWAY_PORT CHAIN KEEP_ALIVE
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

func main() {
	port, gateway, chain := os.Args[1], os.Args[2], os.Args[3]
	idle, err := time.ParseDuration(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	target := &url.URL{Scheme: "http", Host: "127.0.0.1:" + gateway}
	server := http.Server{
		Addr:        "127.0.0.1:" + port,
		Handler:     httputil.NewSingleHostReverseProxy(target),
		IdleTimeout: idle,
	}
	log.Fatal(server.ListenAndServeTLS(chain, chain))
}
