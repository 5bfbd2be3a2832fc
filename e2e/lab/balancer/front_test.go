// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConnectionsGoRoundThoseThatAnswer(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	newServer(t, "127.0.2.2", port)
	newServer(t, "127.0.2.3", port)
	f := newTestFront(t, "127.0.2.1", port)
	f.set(addresses("127.0.2.2", "127.0.2.3", "127.0.2.4"))
	require.Eventually(t, func() bool { return len(f.candidates()) == 2 }, 5*time.Second, 10*time.Millisecond)

	count := map[string]int{}
	for range 10 {
		answer, err := ask("127.0.2.1", port)
		require.NoError(t, err)
		count[answer]++
	}
	assert.Equal(t, map[string]int{"127.0.2.2": 5, "127.0.2.3": 5}, count, "127.0.2.4 does not answer")
}

func TestABackendThatGoesAndComesBack(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	newServer(t, "127.0.3.2", port)
	failing := newServer(t, "127.0.3.3", port)
	f := newTestFront(t, "127.0.3.1", port)
	f.set(addresses("127.0.3.2", "127.0.3.3"))
	require.Eventually(t, func() bool { return len(f.candidates()) == 2 }, 5*time.Second, 10*time.Millisecond)

	failing.close()
	for range 6 {
		answer, err := ask("127.0.3.1", port)
		require.NoError(t, err, "the next one is asked when one does not answer")
		assert.Equal(t, "127.0.3.2", answer)
	}
	require.Eventually(t, func() bool { return len(f.candidates()) == 1 }, 5*time.Second, 10*time.Millisecond)

	newServer(t, "127.0.3.3", port)
	require.Eventually(t, func() bool { return len(f.candidates()) == 2 }, 5*time.Second, 10*time.Millisecond)
}

// A machine without power does not end its connections: here the listener goes and the connection stays.
func TestConnectionsEndWithTheirBackend(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(f *front, s *server){
		"it does not answer": func(_ *front, s *server) { s.stopListening() },
		"it is taken away":   func(f *front, _ *server) { f.set(nil) },
		"the port is closed": func(f *front, _ *server) { f.close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			s := newServer(t, "127.0.4.2", port)
			f := newTestFront(t, "127.0.4.1", port)
			f.set(addresses("127.0.4.2"))
			eventuallyAnswers(t, "127.0.4.1", port, "127.0.4.2")
			client, err := net.Dial("tcp", target("127.0.4.1", port))
			require.NoError(t, err)
			defer client.Close()
			_, err = bufio.NewReader(client).ReadString('\n')
			require.NoError(t, err)
			require.Eventually(t, func() bool { return f.state()[0].Connections > 0 }, 5*time.Second, 10*time.Millisecond)

			end(f, s)
			require.NoError(t, client.SetReadDeadline(time.Now().Add(5*time.Second)))
			_, err = client.Read(make([]byte, 1))
			require.Error(t, err)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it was ended, it did not only fall silent")
		})
	}
}

func TestWithoutBackendsConnectionsEndAtOnce(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	newTestFront(t, "127.0.5.1", port)
	client, err := net.Dial("tcp", target("127.0.5.1", port))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.SetReadDeadline(time.Now().Add(5*time.Second)))
	content, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Empty(t, content)
}

// One side may have said all while the other still speaks.
func TestTheEndOfOneWayIsPassedOn(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	listener, err := net.Listen("tcp", target("127.0.6.2", port))
	require.NoError(t, err)
	defer listener.Close()
	go echoAll(listener)
	f := newTestFront(t, "127.0.6.1", port)
	f.set(addresses("127.0.6.2"))
	require.Eventually(t, func() bool { return len(f.candidates()) == 1 }, 5*time.Second, 10*time.Millisecond)

	client, err := net.Dial("tcp", target("127.0.6.1", port))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Write([]byte("question"))
	require.NoError(t, err)
	require.NoError(t, client.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Equal(t, "question", string(answer))
	require.Eventually(t, func() bool { return f.state()[0].Connections == 0 }, 5*time.Second, 10*time.Millisecond)
}

func TestABackendThatStaysKeepsItsConnections(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	newServer(t, "127.0.7.2", port)
	f := newTestFront(t, "127.0.7.1", port)
	f.set(addresses("127.0.7.2"))
	eventuallyAnswers(t, "127.0.7.1", port, "127.0.7.2")
	client, err := net.Dial("tcp", target("127.0.7.1", port))
	require.NoError(t, err)
	defer client.Close()
	_, err = bufio.NewReader(client).ReadString('\n')
	require.NoError(t, err)

	f.set(addresses("127.0.7.2", "127.0.7.3"))
	require.NoError(t, client.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it is open and silent")
	assert.Len(t, f.state(), 2)
}

// echoAll says what it hears, when it has heard all.
func echoAll(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			content, _ := io.ReadAll(connection)
			_, _ = connection.Write(content)
			_ = connection.Close()
		}()
	}
}

// server says its address to whoever connects, and keeps the connection.
type server struct {
	listener    net.Listener
	mu          sync.Mutex
	connections []net.Conn
}

func newServer(t *testing.T, address string, port uint16) *server {
	t.Helper()
	listener, err := net.Listen("tcp", target(address, port))
	require.NoError(t, err)
	s := &server{listener: listener}
	t.Cleanup(s.close)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.connections = append(s.connections, connection)
			s.mu.Unlock()
			fmt.Fprintln(connection, address)
		}
	}()
	return s
}

func (s *server) stopListening() { _ = s.listener.Close() }

func (s *server) close() {
	s.stopListening()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, connection := range s.connections {
		_ = connection.Close()
	}
}

func newTestFront(t *testing.T, address string, port uint16) *front {
	t.Helper()
	listener, err := net.Listen("tcp", target(address, port))
	require.NoError(t, err)
	f := newFront(t.Context(), listener, port, 50*time.Millisecond)
	t.Cleanup(f.close)
	return f
}

// ask is what whoever is behind an address says first.
func ask(address string, port uint16) (string, error) {
	client, err := net.Dial("tcp", target(address, port))
	if err != nil {
		return "", err
	}
	defer client.Close()
	if err := client.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(client).ReadString('\n')
	if err != nil {
		return "", err
	}
	return line[:len(line)-1], nil
}

func eventuallyAnswers(t *testing.T, address string, port uint16, want string) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, err := ask(address, port)
		return err == nil && got == want
	}, 5*time.Second, 20*time.Millisecond)
}
