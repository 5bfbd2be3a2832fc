// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	logJSON = "json"
	logText = "text"
)

// Logger returns the logger the options ask for: one line per entry on standard error.
func (o *Options) Logger() (logr.Logger, error) {
	config := zap.NewProductionConfig()
	switch o.LogFormat {
	case logJSON:
	case logText:
		config.Encoding = "console"
	default:
		return logr.Logger{}, fmt.Errorf("reading --logging-format: %q is neither %s nor %s", o.LogFormat, logJSON, logText)
	}
	if o.LogLevel < 0 || o.LogLevel > 10 {
		return logr.Logger{}, fmt.Errorf("reading --v: %d is not between 0 and 10", o.LogLevel)
	}
	config.Level = zap.NewAtomicLevelAt(zapcore.Level(-o.LogLevel))
	config.Sampling = nil
	config.EncoderConfig.EncodeTime = zapcore.ISO8601TimeEncoder
	config.EncoderConfig.EncodeLevel = encodeLevel
	config.EncoderConfig.TimeKey = "time"
	logger, err := config.Build()
	if err != nil {
		return logr.Logger{}, fmt.Errorf("building the logger: %w", err)
	}
	return zapr.NewLoggerWithOptions(logger, zapr.LogInfoLevel("v")), nil
}

// encodeLevel names every level: zap has no names for those below debug, which are our verbosities above 1. The exact
// verbosity stands beside it as "v".
func encodeLevel(level zapcore.Level, encoder zapcore.PrimitiveArrayEncoder) {
	zapcore.LowercaseLevelEncoder(max(level, zapcore.DebugLevel), encoder)
}
