// The tool that every client offers, and the lines they report.
export const report = (line) => console.log(JSON.stringify(line));

export const weatherIn = (city) => JSON.stringify({ city, temperature_c: 18, conditions: 'sunny' });

export const GET_WEATHER = {
  type: 'function',
  name: 'get_weather',
  description: 'Get the current weather for a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
};
