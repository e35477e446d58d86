package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// server gives the control API over a listener. Every answer is JSON.
func newServer(c Controller) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathSnapshot, func(w http.ResponseWriter, r *http.Request) {
		snapshot, err := c.Snapshot(r.Context())
		reply(w, snapshot, err)
	})
	mux.HandleFunc("POST "+api.PathTrust, answering(func(ctx context.Context, r api.TrustRequest) (api.TrustResult, error) {
		r.By = callerOr(ctx, r.By)
		return c.Trust(ctx, r)
	}))
	mux.HandleFunc("POST "+api.PathCall, answering(func(ctx context.Context, _ struct{}) (api.Snapshot, error) { return c.Call(ctx) }))
	mux.HandleFunc("POST "+api.PathReady, answering(c.Ready))
	mux.HandleFunc("POST "+api.PathParties, answering(c.Parties))
	mux.HandleFunc("POST "+api.PathSets, answering(func(ctx context.Context, r api.SetRequest) (api.SetResult, error) {
		r.By = callerOr(ctx, r.By)
		return c.Sets(ctx, r)
	}))
	mux.HandleFunc("POST "+api.PathProbe, answering(c.Probe))
	mux.HandleFunc("POST "+api.PathNotify, answering(c.Notify))
	mux.HandleFunc("POST "+api.PathRegistry, answering(c.Registry))
	mux.HandleFunc("POST "+api.PathApprove, answeringUpTo(api.MaxApprove, func(ctx context.Context, r api.ApproveRequest) (api.ApproveResult, error) {
		r.By = callerOr(ctx, r.By)
		return c.Approve(ctx, r)
	}))
	mux.HandleFunc("POST "+api.PathExport, answering(c.Export))
	mux.HandleFunc("POST "+api.PathImport, answeringUpTo(api.MaxImport, func(ctx context.Context, r api.ImportRequest) (api.ImportResult, error) {
		r.By = callerOr(ctx, r.By)
		return c.Import(ctx, r)
	}))
	return &http.Server{
		Handler:           mux,
		ConnContext:       withCaller,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
	}
}

// answering reads one request, has it done, and writes the answer.
func answering[Request, Answer any](do func(context.Context, Request) (Answer, error)) http.HandlerFunc {
	return answeringUpTo(api.MaxRequest, do)
}

// answeringUpTo is answering for requests of at most that many bytes.
func answeringUpTo[Request, Answer any](most int64, do func(context.Context, Request) (Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := readRequest(w, r, most, &request); err != nil {
			reply(w, nil, err)
			return
		}
		answer, err := do(r.Context(), request)
		reply(w, answer, err)
	}
}

// readRequest reads exactly one JSON object with known fields.
func readRequest(w http.ResponseWriter, r *http.Request, most int64, into any) error {
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	body.DisallowUnknownFields()
	if err := body.Decode(into); err != nil {
		return &api.Error{Code: api.CodeRequest, Text: "not a request: " + exchange.ShowText(err.Error())}
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		return &api.Error{Code: api.CodeRequest, Text: "not a request: something follows the object"}
	}
	return nil
}

// statuses of errors; the code in the body is what clients go by.
func status(code string) int {
	switch code {
	case api.CodeRequest:
		return http.StatusBadRequest
	case api.CodeUnknown:
		return http.StatusNotFound
	case api.CodeRefused, api.CodeOvertaken, api.CodeUnset:
		return http.StatusConflict
	default:
		return http.StatusInternalServerError
	}
}

func reply(w http.ResponseWriter, value any, err error) {
	code := http.StatusOK
	if err != nil {
		var fault *api.Error
		if !errors.As(err, &fault) {
			fault = &api.Error{Code: api.CodeFailed, Text: err.Error()}
		}
		value, code = fault, status(fault.Code)
	}
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // a client that left needs no answer
}
