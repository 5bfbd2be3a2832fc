// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeysOfEtcd(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct {
		status int
		answer string
		count  int64
		says   string
	}{
		"some":     {status: http.StatusOK, answer: `{"header":{"revision":"9"},"count":"7"}`, count: 7},
		"none":     {status: http.StatusOK, answer: `{"header":{"revision":"9"}}`},
		"no etcd":  {status: http.StatusServiceUnavailable, says: "503"},
		"no count": {status: http.StatusOK, answer: "<html>", says: "counting keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Equal(t, "/v3/kv/range", r.URL.Path)
				assert.JSONEq(t, `{"key":"`+encoded([]byte("/a/"))+`","range_end":"`+encoded([]byte("/a0"))+
					`","count_only":true}`, string(body))
				w.WriteHeader(c.status)
				_, err = io.WriteString(w, c.answer)
				assert.NoError(t, err)
			}))
			defer server.Close()
			etcd := &Etcd{client: *server.Client(), Endpoint: server.URL}
			count, err := etcd.Keys(t.Context(), "/a/")
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.count, count)
		})
	}
}
