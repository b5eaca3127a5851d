package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// ownCPU is the CPU time that this process has used.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// newSigning answers what signs once, with a key of its own.
func newSigning() (func() error, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	digest := sha256.Sum256([]byte("token"))
	return func() error {
		_, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		return err
	}, err
}

// serveBare answers a session's worth of JSON, and nothing else.
func serveBare() error {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	body := []byte(bareBody)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(ln)
}

const bareBody = `{"object":"session","id":"sess_3MWNkMwntZtYNn05MOMUVSIFWYk","client_id":"client_3MWNkLYZirRjNjOkUJcWaDdhByW","user_id":"user_3MWNkOO5mP6e4DEcD4jRwKEJUoa","actor":null,"status":"active","last_active_organization_id":null,"last_active_at":1795462505256,"expire_at":1796067305256,"abandon_at":1798054505256,"created_at":1795462505256,"updated_at":1795462505256}`
